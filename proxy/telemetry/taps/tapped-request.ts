import type { TappedRequest } from '../../../core/api/tap.ts'
import { parsePeerWorkload } from '../../../core/peer-workload.ts'
import type { TapSubject } from '../../../core/tap/tap-filter.ts'
import type { RequestRecord } from '../../exchange/telemetry-sink.ts'
import type { RequestHead } from '../../http/message.ts'
import { formatFlags } from '../../model/response-flag.ts'
import type { ResourceAttributes } from '../resource.ts'
import { readTrace } from '../trace-context.ts'
import { shownFields, shownQuery } from './shown-fields.ts'

/** Who tells. */
export interface TappedPod {
  readonly namespace: string
  readonly pod: string
  readonly service: string
}

const LONGEST_TEXT = 1024

export function tappedPod(resource: ResourceAttributes): TappedPod {
  return {
    namespace: resource.get('k8s.namespace.name') ?? '',
    pod: resource.get('k8s.pod.name') ?? '',
    service: resource.get('service.name') ?? '',
  }
}

/** As a filter looks at a request; nothing is made of it that the filter does not ask for. */
export function tapSubject(record: RequestRecord, own: TappedPod): TapSubject {
  const { direction, route, method, path, status, flags, durationMs } = record
  return {
    ...{ direction, route, method, path, status, durationMs },
    flags: () => (flags === 0 ? [] : formatFlags(flags).split(',')),
    services: () => [`${own.service}.${own.namespace}`, record.service, otherEnd(record)],
  }
}

/** `name.namespace` of the workload at the other end, or ''. */
function otherEnd({ direction, peer, sourceIdentity, destinationIdentity }: RequestRecord): string {
  const namespace = namespaceOf(direction === 'inbound' ? sourceIdentity : destinationIdentity)
  const workload = parsePeerWorkload(peer)?.workload
  return namespace === '' || workload === undefined ? '' : `${workload}.${namespace}`
}

function namespaceOf(identity: string): string {
  return /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\//.exec(identity)?.[1] ?? ''
}

/** `headers`: with header fields and query, without credentials. `traced`: spans of it are exported. */
export function tappedRequest(
  record: RequestRecord,
  head: RequestHead,
  own: TappedPod,
  { headers, traced }: { readonly headers: boolean; readonly traced: boolean },
): TappedRequest {
  const query = record.path.indexOf('?')
  return {
    at: record.startMs,
    direction: record.direction,
    ...own,
    source:
      record.sourceIdentity ||
      (record.direction === 'outbound' ? `${own.service}.${own.namespace}` : addressOf(record.downstream)),
    destination: record.destinationIdentity || record.cluster,
    ...(record.service === '' ? {} : { asked: record.service }),
    method: cut(record.method),
    authority: cut(record.authority),
    path: cut(query < 0 ? record.path : record.path.slice(0, query)),
    status: record.status,
    grpcStatus: record.grpcStatus < 0 ? null : record.grpcStatus,
    flags: record.flags === 0 ? '' : formatFlags(record.flags),
    durationMs: Math.round(record.durationMs * 1000) / 1000,
    traceId: record.span?.traceId ?? (record.trace === 'none' ? '' : (readTrace(head)?.traceId ?? '')),
    traced,
    route: cut(record.route),
    upstream: record.upstream,
    ...(headers && query >= 0 ? { query: shownQuery(record.path.slice(query + 1)) } : {}),
    ...(headers ? { headers: shownFields(head.fields) } : {}),
  }
}

function cut(text: string): string {
  return text.slice(0, LONGEST_TEXT)
}

/** Without its port, which says nothing. */
function addressOf(downstream: string): string {
  return downstream.replace(/:\d+$/, '')
}
