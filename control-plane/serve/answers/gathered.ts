import type { Coverage } from '../../../core/api/coverage.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import { emptyCounts, mergeCounts } from '../graph/traffic-counts.ts'
import { addCounts, noCounts } from '../telemetry/counts.ts'
import { askAll } from './ask-all.ts'
import { countsFromJson, rowsFromJson } from './counts-json.ts'
import { mergedEjections, mergedEvents, mergedSidecars, mergedSpans, mergedTraces } from './merge.ts'
import type { CoveredSource } from './mesh-answers.ts'
import { peaksOf } from './peaks.ts'
import type { KnownCounts, KnownRows, TelemetrySource } from './telemetry-source.ts'

export interface GatherOptions {
  readonly own: TelemetrySource
  /** The others, as they are now. */
  readonly replicas: () => readonly Replica[]
}

/** What all replicas know: each proxy reports to one of them. Who does not answer is named. */
export function gathered(options: GatherOptions): CoveredSource {
  const { own } = options
  const all = async <T, U>(
    method: keyof TelemetrySource,
    asked: readonly unknown[],
    first: Promise<T>,
    read: (value: unknown) => T,
    merge: (all: readonly T[]) => U,
  ): Promise<{ value: U; coverage: Coverage }> => {
    const { answers, coverage } = await askAll(options.replicas(), { method, asked, read }, first)
    return { value: merge(answers.map(({ value }) => value)), coverage }
  }
  return {
    counts: (range) => all('counts', [range], own.counts(range), countsFromJson, sumOfCounts),
    rows: (names, grid) => all('rows', [names, grid], own.rows(names, grid), rowsFromJson, sumOfRows),
    traces: (query) =>
      all('traces', [query], own.traces(query), listOf, (lists) => mergedTraces(lists, query.limit)),
    peaks: (query, stepMs) =>
      all('peaks', [query, stepMs], own.peaks(query, stepMs), listOf, (lists) =>
        peaksOf(mergedTraces(lists, Infinity), query.from, stepMs),
      ),
    spans: (id) => all('spans', [id], own.spans(id), listOf, mergedSpans),
    events: (query) =>
      all('events', [query], own.events(query), listOf, (lists) => mergedEvents(lists, query.limit)),
    sidecars: () => all('sidecars', [], own.sidecars(), listOf, mergedSidecars),
    ejections: () => all('ejections', [], own.ejections(), listOf, mergedEjections),
  }
}

/** Sums of counts; quantiles are taken of the sum. */
function sumOfCounts(all: readonly KnownCounts[]): KnownCounts {
  const counts = emptyCounts()
  for (const one of all) mergeCounts(counts, one.counts)
  return { since: Math.min(...all.map(({ since }) => since)), counts }
}

function sumOfRows(all: readonly KnownRows[]): KnownRows {
  const [first, ...others] = all
  const rows = (first?.rows ?? []).map((steps, index) =>
    steps.map((own, step) => {
      const sum = addCounts(noCounts(), own)
      for (const { rows: theirs } of others) addCounts(sum, theirs[index]?.[step] ?? [])
      return sum
    }),
  )
  return { since: Math.min(...all.map(({ since }) => since)), rows }
}

/** As another replica, which is the same program, says it. */
function listOf(value: unknown): readonly never[] {
  if (!Array.isArray(value)) throw new TypeError('no list')
  return value as unknown[] as never[]
}
