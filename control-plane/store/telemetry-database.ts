import type { DatabaseSync } from 'node:sqlite'
import type { TraceRow } from '../../core/api/traces.ts'
import type { MeshEvent } from '../../core/api/traffic.ts'
import { peaksOf } from '../serve/answers/peaks.ts'
import type { KnownCounts, KnownRows, StoredTelemetry } from '../serve/answers/telemetry-source.ts'
import { KEPT_MS, LEVELS } from '../serve/answers/time-grid.ts'
import { matchesEvent, type EventQuery } from '../serve/events/event-log.ts'
import type { StoredSpan } from '../serve/telemetry/stored-span.ts'
import { Cells, type CountedRow } from './cells.ts'
import { TraceParts } from './trace-parts.ts'

/** What is written at once. */
export interface Batch {
  /** By beginning of a block of the finest level, what was counted in it. */
  readonly blocks: readonly { readonly at: number; readonly rows: readonly CountedRow[] }[]
  /** All before that is told. Milliseconds since the epoch. */
  readonly until: number
  readonly spans: readonly StoredSpan[]
  readonly events: readonly MeshEvent[]
  readonly now: number
}

// Of the bound of the file; the rest is for indexes and what is free within it.
const CELLS_SHARE = 0.35
const TRACES_SHARE = 0.35
const MOST_EVENTS = 20_000
const MOST_SPANS = 500

type Synchronous = {
  readonly [K in keyof StoredTelemetry]: (
    ...asked: Parameters<StoredTelemetry[K]>
  ) => Awaited<ReturnType<StoredTelemetry[K]>>
}

/** What is kept beyond memory, by SQL. Everything waits: it has a thread of its own (worker.ts). */
export class TelemetryDatabase implements Synchronous {
  readonly #database: DatabaseSync
  readonly #maxBytes: number
  readonly #now: () => number
  #cells: Cells
  #traces: TraceParts

  constructor(database: DatabaseSync, maxBytes: number, now: () => number) {
    this.#database = database
    this.#maxBytes = maxBytes
    this.#now = now
    this.#cells = this.#openCells()
    this.#traces = this.#openTraces()
  }

  /** All of it or, when it throws, nothing. Gives how far the clock went back since what is there was written; milliseconds. */
  write({ blocks, until, spans, events, now }: Batch): number {
    return this.#atOnce(() => {
      const back = blocks.length > 0 ? this.#forgetAfter(Math.min(blocks[0]?.at ?? until, until)) : 0
      for (const { at, rows } of blocks) this.#cells.write(at, rows)
      if (blocks.length > 0) this.#cells.rollUp(until)
      this.#traces.write(spans, now)
      this.#traces.forget(now - KEPT_MS, now)
      this.#writeEvents(events, now)
      return back
    })
  }

  /** What another one keeps, in addition: all of it or, when it throws, nothing. */
  takeOver(other: TelemetryDatabase, now: number): void {
    this.#atOnce(() => {
      for (const { at, rows } of other.#cells.blocks()) this.#cells.write(at, rows)
      this.#cells.rollUp(Math.floor(now / LEVELS[0].stepMs) * LEVELS[0].stepMs)
      // In pieces: what is too much goes as it comes.
      for (const { spans, came } of other.#traces.all()) this.#traces.write(spans, came)
      this.#writeEvents(other.#allEvents(), now)
    })
  }

  #allEvents(): MeshEvent[] {
    return this.#database
      .prepare('SELECT event FROM events ORDER BY id')
      .all()
      .map(({ event }) => JSON.parse(String(event)) as MeshEvent)
  }

  #forgetAfter(until: number): number {
    const back = this.#cells.forgetAfter(until)
    if (back > 0) this.#database.prepare('DELETE FROM events WHERE at >= ?').run(until + back)
    return back
  }

  #atOnce<T>(write: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = write()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      // They count in memory what they hold.
      this.#cells = this.#openCells()
      this.#traces = this.#openTraces()
      throw error
    }
  }

  counts(range: Parameters<StoredTelemetry['counts']>[0]): KnownCounts {
    return { since: this.#since, counts: this.#cells.counts(range) }
  }

  rows(...[names, grid]: Parameters<StoredTelemetry['rows']>): KnownRows {
    return { since: this.#since, rows: this.#cells.rows(names, grid) }
  }

  traces(query: Parameters<StoredTelemetry['traces']>[0]): TraceRow[] {
    return this.#traces.search(query, this.#now())
  }

  peaks(...[query, stepMs]: Parameters<StoredTelemetry['peaks']>): TraceRow[] {
    return peaksOf(this.#traces.matching(query, this.#now()), query.from, stepMs)
  }

  spans(traceId: string): StoredSpan[] {
    return this.#traces.spans(traceId)
  }

  events(query: EventQuery): MeshEvent[] {
    const found: MeshEvent[] = []
    const rows = this.#database
      .prepare('SELECT event FROM events WHERE at >= ? AND at < ? ORDER BY at DESC, id DESC')
      .iterate(query.from, query.to)
    for (const { event: text } of rows) {
      const event = JSON.parse(String(text)) as MeshEvent
      if (matchesEvent(query, event)) found.push(event)
      if (found.length > query.limit) break
    }
    return found
  }

  close(): void {
    this.#database.close()
  }

  get #since(): number {
    return this.#cells.since ?? this.#now()
  }

  #writeEvents(events: readonly MeshEvent[], now: number): void {
    const put = this.#database.prepare('INSERT INTO events (at, event) VALUES (?, ?)')
    for (const event of events) put.run(event.at, JSON.stringify(event))
    if (events.length === 0) return
    this.#database.prepare('DELETE FROM events WHERE at < ?').run(now - KEPT_MS)
    this.#database.prepare('DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?').run(MOST_EVENTS)
  }

  #openCells(): Cells {
    return new Cells(this.#database, this.#maxBytes * CELLS_SHARE)
  }

  #openTraces(): TraceParts {
    return new TraceParts(this.#database, {
      maxBytes: this.#maxBytes * TRACES_SHARE,
      maxSpansPerTrace: MOST_SPANS,
    })
  }
}
