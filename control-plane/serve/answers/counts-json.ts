import { emptyCounts, TABLES, type TrafficCounts } from '../graph/traffic-counts.ts'
import { noCounts, WIDTH, type Counts } from '../telemetry/counts.ts'
import type { KnownCounts, KnownRows } from './telemetry-source.ts'

/** A row as JSON: columns and their values in turn, without those that counted nothing. */
type Sparse = readonly number[]

interface CountsJson {
  readonly since: number
  readonly counts: Readonly<Record<string, readonly (readonly [string, Sparse])[]>>
}

interface RowsJson {
  readonly since: number
  readonly rows: readonly (readonly Sparse[])[]
}

export function countsToJson({ since, counts }: KnownCounts): CountsJson {
  return {
    since,
    counts: Object.fromEntries(
      TABLES.map((table) => [table, [...counts[table]].map(([key, row]) => [key, sparse(row)] as const)]),
    ),
  }
}

/** Throws where it is none. */
export function countsFromJson(value: unknown): KnownCounts {
  const { since, counts } = value as Partial<CountsJson>
  if (typeof since !== 'number' || typeof counts !== 'object') throw new TypeError('no counts')
  const read = emptyCounts()
  for (const table of TABLES) for (const [key, row] of counts[table] ?? []) read[table].set(key, dense(row))
  return { since, counts: read satisfies TrafficCounts }
}

export function rowsToJson({ since, rows }: KnownRows): RowsJson {
  return { since, rows: rows.map((steps) => steps.map(sparse)) }
}

/** Throws where it is none. */
export function rowsFromJson(value: unknown): KnownRows {
  const { since, rows } = value as Partial<RowsJson>
  if (typeof since !== 'number' || !Array.isArray(rows)) throw new TypeError('no rows')
  return { since, rows: (rows as RowsJson['rows']).map((steps) => steps.map(dense)) }
}

function sparse(row: Counts): number[] {
  const pairs: number[] = []
  for (let column = 0; column < WIDTH; column++) {
    const value = row[column] ?? 0
    if (value !== 0) pairs.push(column, value)
  }
  return pairs
}

/** A replica of another version may have columns that this one does not know. */
function dense(pairs: Sparse): Counts {
  const row = noCounts()
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const [column, value] = [pairs[at] as number, pairs[at + 1] as number]
    if (Number.isInteger(column) && column >= 0 && column < WIDTH && Number.isFinite(value))
      row[column] = value
  }
  return row
}
