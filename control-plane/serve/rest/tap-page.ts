import type { FastifyInstance, FastifyReply } from 'fastify'
import { API_CLIENT_HEADER } from '../../../core/contract.ts'
import type { Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { TAP_LIMITS } from '../../../core/tap/tap-protocol.ts'
import type { TapFilter } from '../../../core/tap/tap-filter.ts'
import type { MeshTaps } from '../tap/mesh-tap.ts'
import type { OwnTaps, TapAsked } from '../tap/own-tap.ts'
import { REPLICA_TAP_PATH } from '../tap/replica-tap.ts'
import type { AccessGuard } from './access-guard.ts'
import { EventStreams, type EventStream } from './event-streams.ts'
import { failure } from './failure.ts'
import {
  boundedText,
  countParameter,
  durationParameter,
  flagParameter,
  nameParameter,
  onlyParameters,
  serviceParameter,
  statusParameter,
  wordParameter,
  type Query,
} from './parameters.ts'

export interface TapPagesOptions {
  readonly taps: MeshTaps
  /** Of the sidecars that are connected to this replica. */
  readonly own: OwnTaps
  readonly clock: Clock
  readonly guard: AccessGuard
  /** Replicas show each other who they are. */
  readonly replicasAreKnown: () => boolean
  /** What a namespace says under TAP_ANNOTATION; undefined: nothing. */
  readonly setting: (namespace: string) => string | undefined
  /** The fields that every answer has. */
  readonly headers: Readonly<Record<string, string>>
}

/** Of a namespace or a pod: `off`, and nobody listens to its requests. */
export const TAP_ANNOTATION = 'weft.dev/tap'

const PER_SECOND = 20
/** Whoever listens has the sidecars work for it. */
const LISTENERS = { total: 16, perAddress: 8 }
/** Of other replicas, on behalf of theirs. */
const REPLICA_LISTENERS = { total: 64, perAddress: 32 }

/**
 * `/api/tap`: requests as they end, told by the sidecars of a namespace, and by the traces of those that cannot be asked; see
 * core/api/tap.ts. REPLICA_TAP_PATH: the same of the sidecars of this replica alone, for another.
 */
export function tapPages(app: FastifyInstance, options: TapPagesOptions): void {
  const { taps, own, clock, guard, replicasAreKnown, setting, headers } = options
  const refusal = (reply: FastifyReply, code: string, message: string, field: string): FastifyReply =>
    reply.code(403).send(failure(code, message, field))
  const isOff = (reply: FastifyReply, { namespace }: TapAsked): FastifyReply | undefined =>
    setting(namespace) === 'off'
      ? refusal(
          reply,
          'api.tap_off',
          `the namespace has the annotation ${TAP_ANNOTATION}: "off"`,
          'namespace',
        )
      : undefined

  const streams = new EventStreams(clock, LISTENERS)
  app.get('/api/tap', (request, reply) => {
    const asked = askedOf(request.query as Query)
    const off = isOff(reply, asked)
    if (off) return off
    if (asked.headers && !guard.known(request)) {
      const message =
        'header fields are shown to whoever has the right to tap by a token (--http-auth kubernetes), and on the machine of a mesh that runs there alone'
      return refusal(reply, 'api.tap_headers', message, 'headers')
    }
    reply.headers(headers)
    const begin = (stream: EventStream): (() => void) =>
      taps(asked, {
        source: (source) => stream.send('source', source),
        request: (one) => stream.send('request', one),
        skipped: (skipped) => stream.send('skipped', skipped),
      })
    streams.open(request, reply, begin, () => guard.stillMay(request))
    return reply
  })

  const replicaStreams = new EventStreams(clock, REPLICA_LISTENERS)
  app.get(REPLICA_TAP_PATH, (request, reply) => {
    if (request.headers[API_CLIENT_HEADER] === undefined)
      return reply.code(403).send(failure('api.replica', 'only replicas ask here', undefined))
    const asked = askedOf(request.query as Query)
    const off = isOff(reply, asked)
    if (off) return off
    if (asked.headers && !replicasAreKnown())
      return refusal(reply, 'api.tap_headers', 'it is not known that a replica asks', 'headers')
    reply.headers(headers)
    const begin = (stream: EventStream): (() => void) =>
      own(asked, {
        source: (source, settled) => stream.send('source', { ...source, settled }),
        request: (one, traced) => stream.send(traced ? 'traced' : 'request', one),
        skipped: (requests) => stream.send('skipped', { requests }),
      })
    replicaStreams.open(request, reply, begin, () => guard.stillReplica(request))
    return reply
  })
}

const PARAMETERS = [
  ...[
    'namespace',
    'workload',
    'service',
    'route',
    'direction',
    'method',
    'path',
    'status',
    'flag',
    'min',
    'max',
  ],
  ...['headers', 'rate'],
]

function askedOf(query: Query): TapAsked {
  onlyParameters(query, PARAMETERS)
  if (query['namespace'] === undefined)
    throw new WeftError('api.bad_parameter', 'is required here', { field: 'namespace' })
  return {
    namespace: nameParameter(query, 'namespace'),
    workload: query['workload'] === undefined ? undefined : nameParameter(query, 'workload'),
    filter: filterOf(query),
    rate: countParameter(query, 'rate', PER_SECOND, TAP_LIMITS.rate),
    headers: flagParameter(query, 'headers'),
  }
}

/** What is not given is not there. */
function filterOf(query: Query): TapFilter {
  const given = {
    direction:
      query['direction'] === undefined
        ? undefined
        : wordParameter(query, 'direction', ['inbound', 'outbound'] as const),
    service: serviceParameter(query, 'service'),
    route: boundedText(query, 'route'),
    method: boundedText(query, 'method'),
    path: boundedText(query, 'path'),
    status: statusParameter(query, 'status'),
    flag: boundedText(query, 'flag'),
    min: durationParameter(query, 'min'),
    max: durationParameter(query, 'max'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
