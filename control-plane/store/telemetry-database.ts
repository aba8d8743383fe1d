import type { DatabaseSync } from 'node:sqlite'
import type { TraceRow } from '../../core/api/traces.ts'
import type { MeshEvent } from '../../core/api/traffic.ts'
import { peaksOf } from '../serve/answers/peaks.ts'
import type { KnownCounts, KnownRows, StoredTelemetry } from '../serve/answers/telemetry-source.ts'
import { KEPT_MS } from '../serve/answers/time-grid.ts'
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

  /** All of it or, when it throws, nothing. */
  write({ blocks, until, spans, events, now }: Batch): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      for (const { at, rows } of blocks) this.#cells.write(at, rows)
      if (blocks.length > 0) this.#cells.rollUp(until)
      this.#traces.write(spans, now)
      this.#traces.forget(now - KEPT_MS)
      this.#writeEvents(events, now)
      this.#database.exec('COMMIT')
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
