import type { OutsideSource } from '../../../core/api/coverage.ts'
import type { TraceRow } from '../../../core/api/traces.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { describeError } from '../../../core/errors.ts'
import { mergedSpans } from '../answers/merge.ts'
import type { CoveredSource } from '../answers/mesh-answers.ts'
import { ALONE } from '../answers/telemetry-source.ts'
import { HELD_BACK_MS, isHeldBack, matchesTrace, type TraceQuery } from '../telemetry/trace-query.ts'
import type { StoredSpan } from '../telemetry/stored-span.ts'
import { summarize } from '../telemetry/trace-summary.ts'
import { boundedQuestions, type BoundedQuestions } from './bounded-questions.ts'
import { TRACE_SERVERS } from './trace-server.ts'
import type { TracingAddress } from './tracing-address.ts'

export interface OutsideTracesOptions {
  readonly address: TracingAddress
  /** What control planes hold: it answers what is no search or trace, and where the server does not answer. */
  readonly own: CoveredSource
  readonly questions?: BoundedQuestions
  readonly clock?: Clock
}

/** The same source with traces of a Jaeger or Tempo; each answer says which it is of. */
export function outsideTraces(options: OutsideTracesOptions): CoveredSource {
  const { address, own, questions = boundedQuestions(address), clock = systemClock } = options
  const server = TRACE_SERVERS[address.kind]
  const { kind, url } = address
  const told = (of: Partial<OutsideSource>): OutsideSource => ({ kind, url, askedAt: clock.now(), ...of })
  return {
    ...own,
    async traces(query) {
      try {
        const { spans, cut } = await questions.ask((get) => server.search(get, query))
        const value = rowsOf(spans, query, clock.now())
        return { value, coverage: { ...ALONE, source: told(cut === '' ? {} : { partial: cut }) } }
      } catch (error) {
        return instead(own.traces(query), told({ failed: describeError(error) }))
      }
    },
    async spans(traceId) {
      try {
        const value = mergedSpans([await questions.ask((get) => server.spans(get, traceId))])
        if (value.length > 0) return { value, coverage: { ...ALONE, source: told({}) } }
        return await instead(own.spans(traceId), told({ failed: 'it does not have this trace' }))
      } catch (error) {
        return instead(own.spans(traceId), told({ failed: describeError(error) }))
      }
    },
  }
}

async function instead<T extends Awaited<ReturnType<CoveredSource['traces' | 'spans']>>>(
  own: Promise<T>,
  source: OutsideSource,
): Promise<T> {
  const answer = await own
  return { ...answer, coverage: { ...answer.coverage, source } }
}

/** As the own store searches (TraceStore): the newest first, one more than the limit. */
function rowsOf(all: readonly StoredSpan[], query: TraceQuery, now: number): TraceRow[] {
  const rows: TraceRow[] = []
  for (const told of Map.groupBy(all, ({ traceId }) => traceId).values()) {
    // A trace is found once for each of its services.
    const spans = mergedSpans([told])
    const row = summarize(spans)
    const isNew = row.startMs + row.durationMs > now - HELD_BACK_MS
    if (isNew && isHeldBack(row, () => spans)) continue
    if (matchesTrace(query, row, () => spans)) rows.push(row)
  }
  return rows.sort((a, b) => b.startMs - a.startMs).slice(0, query.limit + 1)
}
