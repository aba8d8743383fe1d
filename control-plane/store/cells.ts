import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { TimeRange } from '../../core/api/coverage.ts'
import { KEPT_MS, LEVELS, timesOf, type TimeGrid } from '../serve/answers/time-grid.ts'
import {
  emptyCounts,
  TABLES,
  type RowName,
  type TableName,
  type TrafficCounts,
} from '../serve/graph/traffic-counts.ts'
import { addCounts, noCounts, type Counts } from '../serve/telemetry/counts.ts'
import { decodeCounts, encodeCounts } from './row-codec.ts'

/** What was counted in one block of the finest level. */
export interface CountedRow extends RowName {
  readonly counts: Counts
}

/** A cell with its place in the tree, estimated. */
const CELL_BYTES = 110
/** Blocks of one level that a question looks at, about; more are read from a coarser one. */
const MOST_BLOCKS = 400

/** When a key was counted last is written down so often. */
const TOUCH_MS = 3_600_000

/** A clock is set right by that now and then; what was counted twice at one time is then added up. */
const SET_RIGHT_MS = 60_000

interface Segment extends TimeRange {
  readonly level: number
}

/** What was counted, by level of time-grid.ts: a level is made of the finer one once a block of it is over. */
export class Cells {
  readonly #database: DatabaseSync
  readonly #maxBytes: number
  readonly #keys = new Map<string, { readonly id: number; used: number }>()
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #range: StatementSync
  readonly #first: StatementSync
  readonly #last: StatementSync
  readonly #rolled: number[] = LEVELS.map(() => 0)
  /** Cells of each level. */
  readonly #counts: number[] = LEVELS.map(() => 0)

  constructor(database: DatabaseSync, maxBytes: number) {
    this.#database = database
    this.#maxBytes = maxBytes
    this.#get = database.prepare('SELECT counts FROM cells WHERE level = ? AND at = ? AND key = ?')
    this.#put = database.prepare('INSERT OR REPLACE INTO cells (level, at, key, counts) VALUES (?, ?, ?, ?)')
    this.#range = database.prepare('SELECT key, counts FROM cells WHERE level = ? AND at >= ? AND at < ?')
    this.#first = database.prepare('SELECT min(at) AS at FROM cells WHERE level = ?')
    this.#last = database.prepare('SELECT max(at) AS at FROM cells WHERE level = ?')
    for (const { id, name, key, used } of database.prepare('SELECT id, name, key, used FROM keys').all())
      if (isTable(name)) this.#keys.set(`${name} ${String(key)}`, { id: Number(id), used: Number(used) })
    for (const { level, until } of database.prepare('SELECT level, until FROM rolled').all())
      this.#rolled[Number(level)] = Number(until)
    for (const { level, n } of database
      .prepare('SELECT level, count(*) AS n FROM cells GROUP BY level')
      .all())
      this.#counts[Number(level)] = Number(n)
  }

  /** When the oldest that is kept was counted; undefined: nothing is. Milliseconds since the epoch. */
  get since(): number | undefined {
    const oldest = Math.min(...LEVELS.map((_, level) => this.#oldest(level)))
    return Number.isFinite(oldest) ? oldest : undefined
  }

  /** Adds rows to the block that begins at `at`, and to the coarser ones that were made of it already. */
  write(at: number, rows: readonly CountedRow[]): void {
    for (const { table, key, counts } of rows) {
      const id = this.#idOf(table, key, at)
      for (const [level, { stepMs }] of LEVELS.entries())
        if (level === 0 || at < (this.#rolled[level] ?? 0))
          this.#add(level, Math.floor(at / stepMs) * stepMs, id, counts)
    }
  }

  /** Makes the coarser levels of what is over at `until`, and lets go of what is too old or too much. */
  rollUp(until: number): void {
    for (let level = 1; level < LEVELS.length; level++) this.#rollUp(level, until)
    for (const [level, { keptMs }] of LEVELS.entries()) this.#forget(level, until - keptMs)
    // Of the level that has most: each of them is to reach back as far as it can.
    while (this.#counts.reduce((sum, n) => sum + n, 0) * CELL_BYTES > this.#maxBytes)
      if (!this.#forgetOldest(this.#counts.indexOf(Math.max(...this.#counts)))) break
    this.#forgetKeys(until - KEPT_MS - TOUCH_MS)
  }

  /**
   * The clock may have gone back to `until`: what was counted at times that are still to come is forgotten then, as it would
   * hide there until they do, for ever where they never do. Gives how far it went back in milliseconds, 0: by less than a minute.
   */
  forgetAfter(until: number): number {
    const latest = Math.max(...LEVELS.map((_, level) => this.#latest(level)), ...this.#rolled)
    if (latest <= until + SET_RIGHT_MS) return 0
    for (const [level, { stepMs }] of LEVELS.entries()) {
      const from = Math.floor(until / stepMs) * stepMs
      const { changes } = this.#database
        .prepare('DELETE FROM cells WHERE level = ? AND at >= ?')
        .run(level, from)
      this.#counts[level] = (this.#counts[level] ?? 0) - Number(changes)
      if (level > 0) this.#rolledUntil(level, Math.min(this.#rolled[level] ?? 0, from))
    }
    return latest - until
  }

  /** All that is kept, each once and as finely as it is: what is known by a coarse block alone stands at its beginning. */
  *blocks(): Generator<{ readonly at: number; readonly rows: readonly CountedRow[] }> {
    const names = new Map([...this.#keys].map(([name, { id }]) => [id, name]))
    for (let level = LEVELS.length - 1; level >= 0; level--) {
      const finer = Math.min(...LEVELS.slice(0, level).map((_, below) => this.#oldest(below)))
      const step = stepOf(level)
      for (let at = this.#oldest(level); at <= this.#latest(level) && at + step <= finer; at += step) {
        const rows = this.#range.all(level, at, at + step).flatMap(({ key, counts }): CountedRow[] => {
          const name = names.get(Number(key)) ?? ''
          const blank = name.indexOf(' ')
          const table = name.slice(0, blank)
          if (!isTable(table)) return []
          return [{ table, key: name.slice(blank + 1), counts: decodeCounts(counts as Uint8Array) }]
        })
        if (rows.length > 0) yield { at, rows }
      }
    }
  }

  counts(range: TimeRange): TrafficCounts {
    const sums = new Map<number, Counts>()
    for (const { level, from, to } of this.#segments(range))
      for (const { key, counts } of this.#range.iterate(level, from, to)) {
        const id = Number(key)
        sums.set(id, decodeCounts(counts as Uint8Array, sums.get(id)))
      }
    const counts = emptyCounts()
    for (const [name, { id }] of this.#keys) {
      const sum = sums.get(id)
      const blank = name.indexOf(' ')
      if (sum) counts[name.slice(0, blank) as TableName].set(name.slice(blank + 1), sum)
    }
    return counts
  }

  rows(names: readonly RowName[], grid: TimeGrid): Counts[][] {
    // Of all rows the same: to look for them costs more than to read them. What a step is made of need not be finer than it.
    const fitting = LEVELS.findLastIndex(({ stepMs }) => stepMs <= grid.stepMs)
    const steps = timesOf(grid).map((from) =>
      this.#segments({ from, to: Math.min(from + grid.stepMs, grid.to) }, Math.max(0, fitting)),
    )
    return names.map(({ table, key }) => {
      const id = this.#keys.get(`${table} ${key}`)?.id
      return steps.map((segments) => {
        const sum = noCounts()
        if (id === undefined) return sum
        for (const segment of segments)
          for (let at = segment.from; at < segment.to; at += stepOf(segment.level))
            addCell(sum, this.#get.get(segment.level, at, id)?.['counts'])
        return sum
      })
    })
  }

  /** A range by the coarsest blocks that fit in it where it is long, from level `finest` on, and by finer ones at its ends. */
  #segments({ from, to }: TimeRange, finest = 0): Segment[] {
    let level = finest
    while (level < LEVELS.length - 1 && (to - from) / stepOf(level) > MOST_BLOCKS) level++
    // What is older than a level keeps is in the coarser one alone.
    while (
      level < LEVELS.length - 1 &&
      from < this.#oldest(level) &&
      this.#oldest(level + 1) < this.#oldest(level)
    )
      level++
    return this.#split(level, from, to)
  }

  #split(level: number, from: number, to: number): Segment[] {
    if (from >= to) return []
    if (level === 0) return [{ level, from: Math.floor(from / stepOf(0)) * stepOf(0), to }]
    const step = stepOf(level)
    const begin = Math.ceil(from / step) * step
    const end = Math.min(this.#rolled[level] ?? 0, Math.floor(to / step) * step)
    if (end <= begin) return this.#split(level - 1, from, to)
    return [
      ...this.#split(level - 1, from, begin),
      { level, from: begin, to: end },
      ...this.#split(level - 1, end, to),
    ]
  }

  #rollUp(level: number, until: number): void {
    const step = stepOf(level)
    const first = this.#database
      .prepare('SELECT min(at) AS at FROM cells WHERE level = ? AND at >= ?')
      .get(level - 1, this.#rolled[level] ?? 0)?.['at']
    // What is over on the finer level.
    const over = level === 1 ? until : (this.#rolled[level - 1] ?? 0)
    const end = Math.floor(over / step) * step
    if (typeof first === 'number')
      for (let at = Math.floor(first / step) * step; at < end; at += step) {
        const sums = new Map<number, Counts>()
        for (const { key, counts } of this.#range.iterate(level - 1, at, at + step))
          sums.set(Number(key), decodeCounts(counts as Uint8Array, sums.get(Number(key))))
        for (const [key, sum] of sums) this.#add(level, at, key, sum)
      }
    this.#rolledUntil(level, Math.max(this.#rolled[level] ?? 0, end))
  }

  #rolledUntil(level: number, until: number): void {
    this.#rolled[level] = until
    this.#database.prepare('INSERT OR REPLACE INTO rolled (level, until) VALUES (?, ?)').run(level, until)
  }

  #add(level: number, at: number, key: number, counts: Counts): void {
    const known = this.#get.get(level, at, key)?.['counts']
    if (known === undefined) this.#counts[level] = (this.#counts[level] ?? 0) + 1
    const sum = known === undefined ? counts : addCounts(decodeCounts(known as Uint8Array), counts)
    this.#put.run(level, at, key, encodeCounts(sum))
  }

  #idOf(table: TableName, key: string, at: number): number {
    const name = `${table} ${key}`
    const known = this.#keys.get(name)
    if (known) {
      if (at - known.used > TOUCH_MS) {
        known.used = at
        this.#database.prepare('UPDATE keys SET used = ? WHERE id = ?').run(at, known.id)
      }
      return known.id
    }
    const { lastInsertRowid } = this.#database
      .prepare('INSERT INTO keys (name, key, used) VALUES (?, ?, ?)')
      .run(table, key, at)
    this.#keys.set(name, { id: Number(lastInsertRowid), used: at })
    return Number(lastInsertRowid)
  }

  #forgetKeys(before: number): void {
    for (const [name, { id, used }] of this.#keys) {
      if (used >= before) continue
      this.#keys.delete(name)
      this.#database.prepare('DELETE FROM keys WHERE id = ?').run(id)
    }
  }

  #oldest(level: number): number {
    const at = this.#first.get(level)?.['at']
    return typeof at === 'number' ? at : Number.POSITIVE_INFINITY
  }

  #latest(level: number): number {
    const at = this.#last.get(level)?.['at']
    return typeof at === 'number' ? at : Number.NEGATIVE_INFINITY
  }

  #forgetOldest(level: number): boolean {
    const oldest = this.#oldest(level)
    return Number.isFinite(oldest) && this.#forget(level, oldest + stepOf(level))
  }

  #forget(level: number, before: number): boolean {
    const { changes } = this.#database
      .prepare('DELETE FROM cells WHERE level = ? AND at < ?')
      .run(level, before)
    this.#counts[level] = (this.#counts[level] ?? 0) - Number(changes)
    return Number(changes) > 0
  }
}

function isTable(name: unknown): name is TableName {
  return TABLES.some((one) => one === name)
}

function stepOf(level: number): number {
  return LEVELS[level]?.stepMs ?? Number.POSITIVE_INFINITY
}

function addCell(sum: Counts, bytes: unknown): void {
  if (bytes !== undefined) decodeCounts(bytes as Uint8Array, sum)
}
