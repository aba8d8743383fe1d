import type { FastifyInstance } from 'fastify'
import { API_CLIENT_HEADER } from '../../../core/contract.ts'
import { WeftError } from '../../../core/errors.ts'
import { countsToJson, rowsToJson } from '../answers/counts-json.ts'
import { REPLICA_PATH } from '../answers/gathered.ts'
import type { TelemetrySource } from '../answers/telemetry-source.ts'
import { failure } from './failure.ts'

type Answer = (own: TelemetrySource, asked: readonly unknown[]) => Promise<unknown>

/** Infinity is not in JSON: whoever asks for all of it sends null. */
const limited = <T extends { readonly limit: number }>(query: T): T => ({
  ...query,
  limit: query.limit ?? Infinity,
  ...('to' in query && query.to === null ? { to: Infinity } : {}),
})

const METHODS: Readonly<Record<string, Answer>> = {
  counts: async (own, [range]) => countsToJson(await own.counts(range as never)),
  rows: async (own, [names, grid]) => {
    const list = names as readonly unknown[]
    const { from, to, stepMs } = grid as Parameters<TelemetrySource['rows']>[1]
    if (list.length > MOST_ROWS || (to - from) / stepMs > MOST_STEPS || !(stepMs > 0)) throw bad()
    return rowsToJson(await own.rows(names as never, grid as never))
  },
  traces: (own, [query]) => own.traces(limited(query as Parameters<TelemetrySource['traces']>[0])),
  peaks: (own, [query, stepMs]) =>
    own.peaks(limited(query as Parameters<TelemetrySource['traces']>[0]), stepMs as number),
  spans: (own, [id]) => own.spans(String(id)),
  sidecars: (own) => own.sidecars(),
  ejections: (own) => own.ejections(),
  events: (own, [query]) => own.events(limited(query as Parameters<TelemetrySource['events']>[0])),
}

const MOST_ROWS = 1000
const MOST_STEPS = 2000

/** Where another replica asks what this one was told (answers/gathered.ts); it changes nothing. No web page can send its field. */
export function replicaPage(app: FastifyInstance, own: TelemetrySource): void {
  app.post(REPLICA_PATH, { bodyLimit: 256 * 1024 }, (request, reply) => {
    if (request.headers[API_CLIENT_HEADER] === undefined)
      return reply.code(403).send(failure('api.replica', 'only replicas ask here', undefined))
    const { method, asked } = (request.body ?? {}) as { readonly method?: unknown; readonly asked?: unknown }
    const answer = typeof method === 'string' && Object.hasOwn(METHODS, method) ? METHODS[method] : undefined
    if (!answer || !Array.isArray(asked)) throw bad()
    return answer(own, asked).then((value) => ({ value }))
  })
}

function bad(): WeftError {
  return new WeftError('api.bad_parameter', 'must be a question of a replica', { field: 'method' })
}
