import type { FastifyInstance } from 'fastify'
import { API_CLIENT_HEADER } from '../../../core/contract.ts'
import { WeftError } from '../../../core/errors.ts'
import { countsToJson, rowsToJson } from '../answers/counts-json.ts'
import { REPLICA_PATH } from '../answers/ask-all.ts'
import type { ReplicaFacts } from '../answers/replica-facts.ts'
import type { TelemetrySource } from '../answers/telemetry-source.ts'
import { failure } from './failure.ts'

/** What this replica knows. */
export interface Own {
  readonly telemetry: TelemetrySource
  readonly facts: ReplicaFacts
}

type Answer = (own: Own, asked: readonly unknown[]) => Promise<unknown>

/** Infinity is not in JSON: whoever asks for all of it sends null. */
const limited = <T extends { readonly limit: number }>(query: T): T => ({
  ...query,
  limit: query.limit ?? Infinity,
  ...('to' in query && query.to === null ? { to: Infinity } : {}),
})

const METHODS: Readonly<Record<string, Answer>> = {
  counts: async ({ telemetry }, [range]) => countsToJson(await telemetry.counts(range as never)),
  rows: async ({ telemetry }, [names, grid]) => {
    const list = names as readonly unknown[]
    const { from, to, stepMs } = grid as Parameters<TelemetrySource['rows']>[1]
    if (list.length > MOST_ROWS || (to - from) / stepMs > MOST_STEPS || !(stepMs > 0)) throw bad()
    return rowsToJson(await telemetry.rows(names as never, grid as never))
  },
  traces: ({ telemetry }, [query]) =>
    telemetry.traces(limited(query as Parameters<TelemetrySource['traces']>[0])),
  peaks: ({ telemetry }, [query, stepMs]) =>
    telemetry.peaks(limited(query as Parameters<TelemetrySource['traces']>[0]), stepMs as number),
  spans: ({ telemetry }, [id]) => telemetry.spans(String(id)),
  events: ({ telemetry }, [query]) =>
    telemetry.events(limited(query as Parameters<TelemetrySource['events']>[0])),
  standing: ({ facts }) => facts.standing(),
  heard: ({ facts }) => facts.heard(),
  checks: ({ facts }) => facts.checks(),
  refusals: ({ facts }, [query]) => facts.refusals(limited(query as Parameters<ReplicaFacts['refusals']>[0])),
  refusalCounts: ({ facts }, [since, limit]) => facts.refusalCounts(since as number, limit as number),
  observed: ({ facts }, [query]) => facts.observed(query as Parameters<ReplicaFacts['observed']>[0]),
  sidecars: ({ telemetry }) => telemetry.sidecars(),
  ejections: ({ telemetry }) => telemetry.ejections(),
}

const MOST_ROWS = 1000
const MOST_STEPS = 2000

/** Where another replica asks what this one was told (answers/gathered.ts); it changes nothing. No web page can send its field. */
export function replicaPage(app: FastifyInstance, own: Own): void {
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
