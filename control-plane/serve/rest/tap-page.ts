import type { FastifyInstance } from 'fastify'
import type { TappedRequest } from '../../../core/api/traces.ts'
import type { Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import type { Tap } from '../telemetry/tap.ts'
import type { AccessGuard } from './access-guard.ts'
import { EventStreams, type EventStream } from './event-streams.ts'
import { failure } from './failure.ts'
import {
  boundedText,
  countParameter,
  nameParameter,
  onlyParameters,
  serviceParameter,
  statusParameter,
  type Query,
} from './parameters.ts'

export interface TapPageOptions {
  readonly tap: Tap
  readonly clock: Clock
  readonly replicas: () => readonly Replica[]
  readonly guard: AccessGuard
  /** What a namespace says under TAP_ANNOTATION; undefined: nothing. */
  readonly setting: (namespace: string) => string | undefined
  /** The fields that every answer has. */
  readonly headers: Readonly<Record<string, string>>
}

/** Of a namespace: `off`, and nobody listens to its requests. */
export const TAP_ANNOTATION = 'weft.dev/tap'

const PER_SECOND = 20
const MOST_PER_SECOND = 200

/**
 * `/api/tap`: requests of a namespace as they are told, those that were sampled, failed or were slow, without their header
 * fields. Its first event says so, and which replicas' sidecars are not among them.
 */
export function tapPage(
  app: FastifyInstance,
  { tap, clock, replicas, guard, setting, headers }: TapPageOptions,
): void {
  const streams = new EventStreams(clock)
  app.get('/api/tap', (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace', 'service', 'method', 'path', 'status', 'flag', 'rate'])
    if (query['namespace'] === undefined)
      throw new WeftError('api.bad_parameter', 'is required here', { field: 'namespace' })
    const namespace = nameParameter(query, 'namespace')
    const wanted = filterOf(query)
    const rate = countParameter(query, 'rate', PER_SECOND, MOST_PER_SECOND)
    if (setting(namespace) === 'off') {
      const message = `the namespace has the annotation ${TAP_ANNOTATION}: "off"`
      return reply.code(403).send(failure('api.tap_off', message, 'namespace'))
    }
    reply.headers(headers)
    const begin = (stream: EventStream): (() => void) => {
      const missing = replicas().map(({ pod }) => ({ replica: pod, reason: 'a tap hears one replica' }))
      stream.send('source', { sampled: true, coverage: { answered: 1, missing } })
      let second = 0
      let told = 0
      let left = 0
      return tap.listen((one) => {
        if (one.namespace !== namespace || !wanted(one) || setting(namespace) === 'off') return
        const now = Math.floor(clock.now() / 1000)
        if (now !== second) {
          if (left > 0) stream.send('skipped', { requests: left })
          second = now
          told = 0
          left = 0
        }
        if (++told <= rate) stream.send('request', one)
        else left++
      })
    }
    streams.open(request, reply, begin, () => guard.stillMay(request))
    return reply
  })
}

function filterOf(query: Query): (request: TappedRequest) => boolean {
  const service = serviceParameter(query, 'service')
  const method = boundedText(query, 'method')
  const path = boundedText(query, 'path')
  const status = statusParameter(query, 'status')
  const flag = boundedText(query, 'flag')
  return (one) =>
    (service === undefined || service === one.service || service === `${one.service}.${one.namespace}`) &&
    (method === undefined || method === one.method) &&
    (path === undefined || one.path.startsWith(path)) &&
    (status === undefined ||
      status === String(one.status) ||
      status === `${Math.floor(one.status / 100)}xx`) &&
    (flag === undefined || one.flags.split(',').includes(flag))
}
