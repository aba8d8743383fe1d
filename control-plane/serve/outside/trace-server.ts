import { eachOf } from './each-of.ts'
import type { TraceQuery } from '../telemetry/trace-query.ts'
import type { StoredSpan } from '../telemetry/stored-span.ts'
import { failure, type Get } from './bounded-questions.ts'
import { listOf, recordOf, spansOfJson } from './otlp-json.ts'
import type { TracingKind } from './tracing-address.ts'

/** Spans of traces that may fit, and why there may be more; '': there are not. */
export interface FoundSpans {
  readonly spans: readonly StoredSpan[]
  readonly cut: string
}

/** A server that keeps traces. */
export interface TraceServer {
  search(get: Get, query: TraceQuery): Promise<FoundSpans>
  /** Empty: it has none. */
  spans(get: Get, traceId: string): Promise<readonly StoredSpan[]>
}

const AT_ONCE = 4
/** Traces that Jaeger is asked for of each service. */
const DEPTH = 200
const MOST_SERVICES = 50
/** Tempo is asked for each of them by itself. */
const MOST_FETCHED = 100

/**
 * Jaeger's API v3 (https://www.jaegertracing.io/docs/1.76/apis/#http-json), which answers in OTLP. Its storage searches by service:
 * without one it is asked for each that it knows.
 */
const JAEGER: TraceServer = {
  async search(get, query) {
    const known = recordOf(there(await get('/api/v3/services')))
    const all = listOf(known['services'] ?? []).filter(
      (name) => typeof name === 'string' && mayBe(name, query.service),
    ) as string[]
    const names = all.slice(0, MOST_SERVICES)
    let full = false
    const found = await eachOf(names, AT_ONCE, async (name) => {
      const spans = resultOf(
        await get('/api/v3/traces', {
          'query.service_name': name,
          'query.start_time_min': new Date(query.from).toISOString(),
          'query.start_time_max': new Date(query.to).toISOString(),
          'query.num_traces': String(DEPTH),
        }),
      )
      if (new Set(spans.map(({ traceId }) => traceId)).size >= DEPTH) full = true
      return spans
    })
    const cut = [
      ...(full ? [`at most ${DEPTH} traces of each service were looked at`] : []),
      ...(all.length > names.length ? [`${names.length} of ${all.length} services were looked at`] : []),
    ]
    return { spans: found.flat(), cut: cut.join(', ') }
  },
  spans: async (get, traceId) => resultOf(await get(`/api/v3/traces/${traceId}`)),
}

/** 404 is how it says that there are none. */
function resultOf(json: unknown): StoredSpan[] {
  return json === undefined ? [] : spansOfJson(recordOf(recordOf(json)['result'])['resourceSpans'])
}

/** Tempo's HTTP API (https://grafana.com/docs/tempo/latest/api_docs/): a search tells identifiers alone. */
const TEMPO: TraceServer = {
  async search(get, query) {
    const answer = await get('/api/search', {
      q: traceQl(query),
      start: String(Math.floor(query.from / 1000)),
      end: String(Math.ceil(query.to / 1000)),
      limit: String(MOST_FETCHED),
    })
    const ids = listOf(recordOf(there(answer))['traces'] ?? []).flatMap((one) => {
      const id = recordOf(one)['traceID']
      // It leaves out zeros at the beginning.
      return typeof id === 'string' && /^[0-9a-f]{1,32}$/i.test(id) ? [id.padStart(32, '0')] : []
    })
    const fetched = ids.slice(0, MOST_FETCHED)
    const found = await eachOf(fetched, AT_ONCE, (id) => TEMPO.spans(get, id))
    const cut = ids.length < MOST_FETCHED ? '' : `at most ${MOST_FETCHED} traces were looked at`
    return { spans: found.flat(), cut }
  },
  async spans(get, traceId) {
    const answer = await get(`/api/traces/${traceId}`)
    if (answer === undefined) return []
    const { batches, resourceSpans } = recordOf(answer)
    return spansOfJson(batches ?? resourceSpans)
  },
}

export const TRACE_SERVERS: Readonly<Record<TracingKind, TraceServer>> = { jaeger: JAEGER, tempo: TEMPO }

/** Of a page that each of these servers has. */
function there(answer: unknown): unknown {
  if (answer === undefined) throw failure('it answered with 404: another kind of server, or another path')
  return answer
}

/** Whether spans of a `service.name` may be those of `catalog` or `catalog.shop`. */
function mayBe(name: string, service: string | undefined): boolean {
  return service === undefined || service === name || service.startsWith(`${name}.`)
}

/** What narrows a search without leaving out anything that fits; values are quoted. */
export function traceQl({ service, namespace }: Pick<TraceQuery, 'service' | 'namespace'>): string {
  const of: string[] = []
  if (service !== undefined) {
    const dot = service.lastIndexOf('.')
    const names = dot < 0 ? [service] : [service, service.slice(0, dot)]
    of.push(`(${names.map((name) => `resource.service.name = ${quoted(name)}`).join(' || ')})`)
  }
  if (namespace !== undefined) of.push(`resource.service.namespace = ${quoted(namespace)}`)
  // Two conditions of different spans of a trace: each has its own braces.
  return of.length === 0 ? '{ }' : of.map((one) => `{ ${one} }`).join(' && ')
}

/** Escapes of JSON are among those of TraceQL's strings, which are Go's. */
function quoted(value: string): string {
  return JSON.stringify(value)
}
