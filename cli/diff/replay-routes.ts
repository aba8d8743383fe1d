import type { SpanView } from '../../core/api/traces.ts'
import { canonicalAddress } from '../../core/ip-address.ts'
import { placeOf } from '../../control-plane/explain/places.ts'
import { serviceAt, type Mesh } from '../../control-plane/model/mesh.ts'
import { SIDECAR } from '../../control-plane/xds/client-takes.ts'
import { routeNameFor } from '../../control-plane/xds/outbound-listener.ts'
import type { RequestHead } from '../../proxy/http/message.ts'
import type { Route } from '../../proxy/model/route.ts'
import { RouteOutlook, type PossibleRoute } from './route-outlook.ts'

/** Requests of one caller by one method to one host that would be routed otherwise, or may be. */
export interface ChangedRouting {
  /**
   * `elsewhere`: other backends, other shares of them, or rewritten otherwise. `answered`: the mesh would answer itself, 404 or
   * another status or a redirect, where it sends on now, or the other way round. `retried`: other tries or timeouts. `unclear`: that hangs on
   * header fields or the query, which are not recorded.
   */
  readonly change: 'elsewhere' | 'answered' | 'retried' | 'unclear'
  /** `namespace/workload` */
  readonly from: string
  readonly host: string
  readonly method: string
  /** Of one of them. */
  readonly path: string
  readonly count: number
  /** Rule and what it does, in words. */
  readonly was: string
  readonly is: string
}

export interface ReplayedRouting {
  readonly requests: number
  /** Requests whose caller or host is not there, or of which too little was recorded. */
  readonly left: number
  readonly changed: readonly ChangedRouting[]
}

interface Treatment {
  readonly rule: string
  readonly target: string
  readonly answered: boolean
  readonly tries: string
}

const NONE: Treatment = { rule: 'no rule', target: '404', answered: true, tries: '' }

/** Routes anew what sidecars of callers recorded, by what was and by what would be in force. */
export function replayRoutes(spans: readonly SpanView[], before: Mesh, after: Mesh): ReplayedRouting {
  const outlooks = new Map<string, RouteOutlook | undefined>()
  const changed = new Map<string, ChangedRouting>()
  let requests = 0
  let left = 0
  for (const span of spans) {
    if (span.kind !== 'client' || text(span, 'weft.try') !== '' || text(span, 'http.request.method') === '')
      continue
    const found = routedAt(span, before, after, outlooks)
    if (!found) {
      left++
      continue
    }
    requests++
    const change = changeOf(text(span, 'weft.route'), found.was, found.is)
    if (!change) continue
    const one: ChangedRouting = {
      ...change,
      from: `${span.namespace}/${span.service}`,
      host: text(span, 'server.address'),
      method: found.head.method,
      path: found.head.path,
      count: 1,
    }
    const key = [one.change, one.from, one.host, one.method, one.was, one.is].join('\n')
    const known = changed.get(key)
    changed.set(key, known ? { ...known, count: known.count + 1 } : one)
  }
  return { requests, left, changed: [...changed.values()].toSorted((a, b) => b.count - a.count) }
}

interface Routed {
  readonly head: RequestHead
  readonly was: readonly PossibleRoute[]
  readonly is: readonly PossibleRoute[]
}

function routedAt(
  span: SpanView,
  before: Mesh,
  after: Mesh,
  outlooks: Map<string, RouteOutlook | undefined>,
): Routed | undefined {
  const { namespace, pod } = span
  const client = { namespace, pod, takes: SIDECAR }
  const port = number(span, 'network.local.port') || number(span, 'server.port') || 80
  const local = text(span, 'network.local.address')
  const address =
    local === ''
      ? placeOf(before, text(span, 'server.address'), port, namespace)?.address
      : canonicalAddress(local)
  const portKey = address === undefined ? undefined : serviceAt(before, address, port)?.port?.key
  if (portKey === undefined) return undefined
  const outlookOf = (mesh: Mesh): RouteOutlook | undefined => {
    const name = routeNameFor(mesh, portKey, client)
    const key = `${mesh === before} ${name}`
    if (!outlooks.has(key)) outlooks.set(key, RouteOutlook.of(mesh, name, client))
    return outlooks.get(key)
  }
  const [was, is] = [outlookOf(before), outlookOf(after)]
  const head = headOf(span)
  return was && is && head ? { head, was: was.possible(head), is: is.possible(head) } : undefined
}

/** As far as it was recorded. */
function headOf(span: SpanView): RequestHead | undefined {
  const method = text(span, 'http.request.method')
  const path = text(span, 'url.path')
  if (method === '_OTHER' || path === '') return undefined
  const grpc = text(span, 'rpc.system.name') === 'grpc'
  return {
    method,
    scheme: 'http',
    authority: text(span, 'server.address') || 'unknown',
    path,
    fields: grpc ? ['content-type', 'application/grpc'] : [],
    upgrade: '',
  }
}

function changeOf(
  rule: string,
  before: readonly PossibleRoute[],
  after: readonly PossibleRoute[],
): Pick<ChangedRouting, 'change' | 'was' | 'is'> | undefined {
  // The rule that it followed is recorded: it met that one's conditions, and not those of the ones before it.
  const followed = before.filter(({ route }) => route.name === rule)
  const unmet = new Set<string>()
  for (const one of before) {
    if (followed.length === 0 || one.route.name === rule) break
    unmet.add(one.conditions)
  }
  const met = followed.length === 1 ? followed[0]?.conditions : undefined
  const was = distinct(
    followed.length > 0 ? followed.map(({ route }) => treatmentOf(route)) : outcomes(before),
  )
  const possible = after.filter(({ conditions }) => !unmet.has(conditions))
  const sure = possible.findIndex(({ conditions }) => conditions === met)
  const is = distinct(
    sure < 0 ? outcomes(possible) : possible.slice(0, sure + 1).map(({ route }) => treatmentOf(route)),
  )
  const [first, ...others] = was
  const [now, ...more] = is
  if (!first || !now) return undefined
  if (was.length === is.length && was.every((one, i) => sameTreatment(one, is[i]))) return undefined
  const said = { was: was.map(treatmentText).join(' or '), is: is.map(treatmentText).join(' or ') }
  if (others.length > 0 || more.length > 0) return { change: 'unclear', ...said }
  if (first.answered !== now.answered) return { change: 'answered', ...said }
  return { change: first.target === now.target ? 'retried' : 'elsewhere', ...said }
}

/** Of all that it could follow; where the last is not sure, it may find none. */
function outcomes(possible: readonly PossibleRoute[]): readonly Treatment[] {
  const all = possible.map(({ route }) => treatmentOf(route))
  return possible.at(-1)?.unsure === false ? all : [...all, NONE]
}

function distinct(all: readonly Treatment[]): readonly Treatment[] {
  return all.filter((one, at) => all.findIndex((other) => sameTreatment(one, other)) === at)
}

/** By another rule the same is done: that is no change for whoever asks. */
function sameTreatment(a: Treatment, b: Treatment | undefined): boolean {
  return a.target === b?.target && a.answered === b.answered && a.tries === b.tries
}

function treatmentText({ rule, target, tries }: Treatment): string {
  return `${target} by ${rule}${tries === '' ? '' : ` (${tries})`}`
}

function treatmentOf({ name: rule, action, requestHeaders }: Route): Treatment {
  if (action.kind === 'direct') return { rule, target: String(action.status), answered: true, tries: '' }
  if (action.kind === 'redirect') {
    const { status, scheme, authority, port, path } = action
    const to = [scheme && `${scheme}:`, authority, port === undefined ? '' : `:${port}`, path?.value]
    return {
      rule,
      target: `redirected by ${status} to ${to.join('') || 'itself'}`,
      answered: true,
      tries: '',
    }
  }
  const { clusters, rewrite, timeoutMs, retry, hedge, mirrors } = action
  const total = clusters.reduce((sum, { weight }) => sum + weight, 0)
  const shares = clusters
    .filter(({ weight }) => weight > 0)
    .map(({ cluster, weight }) => {
      const share = (weight * 100) / total
      return `${cluster === '' ? 'an invalid backend' : cluster}${share === 100 ? '' : ` ${Number(share.toFixed(2))} %`}`
    })
  const path =
    rewrite.path?.kind === 'prefix'
      ? rewrite.path.value
      : rewrite.path && `${rewrite.path.pattern.source} ${JSON.stringify(rewrite.path.substitution)}`
  const changes = [
    rewrite.authority === undefined ? '' : `as ${rewrite.authority}`,
    path === undefined ? '' : `with the path ${path}`,
    ...mirrors.map(({ cluster, percent }) => `copied to ${cluster} ${percent} %`),
    ...[...requestHeaders.set, ...requestHeaders.add].map(([name]) => `with ${name}`),
    ...requestHeaders.remove.map((name) => `without ${name}`),
  ].filter(Boolean)
  const tries = [
    retry ? `${retry.retries} retries on ${reasonsOf(retry).join(', ') || 'nothing'}` : 'no retries',
    ...(retry && retry.perTryTimeoutMs > 0 ? [`${retry.perTryTimeoutMs} ms a try`] : []),
    ...(retry?.nonIdempotent ? ['whatever the method'] : []),
    ...(timeoutMs > 0 ? [`${timeoutMs} ms in all`] : []),
    ...(hedge ? [`again after ${hedge.afterMs} ms, ${hedge.max} times`] : []),
  ]
  return { rule, target: [shares.join(', '), ...changes].join(' '), answered: false, tries: tries.join(', ') }
}

function reasonsOf({
  on,
  statuses,
  grpcStatuses,
}: NonNullable<Extract<Route['action'], { kind: 'forward' }>['retry']>): string[] {
  return [
    ...Object.entries(on).flatMap(([name, isOn]) => (isOn ? [name] : [])),
    ...statuses.map(String),
    ...grpcStatuses.map((code) => `grpc ${code}`),
  ]
}

function text({ attributes }: SpanView, name: string): string {
  const value = attributes[name]
  return typeof value === 'string' ? value : ''
}

function number({ attributes }: SpanView, name: string): number {
  const value = attributes[name]
  return typeof value === 'number' ? value : 0
}
