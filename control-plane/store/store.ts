import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { MeshEvent } from '../../core/api/traffic.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { StoredTelemetry } from '../serve/answers/telemetry-source.ts'
import { knownEnd, LEVELS, RECENT_MS } from '../serve/answers/time-grid.ts'
import type { EventLog } from '../serve/events/event-log.ts'
import { TABLES } from '../serve/graph/traffic-counts.ts'
import type { SpanTaker } from '../serve/telemetry/decision-store.ts'
import type { MetricStore } from '../serve/telemetry/metric-store.ts'
import { SLOT_MS } from '../serve/telemetry/sliding-window.ts'
import type { StoredSpan } from '../serve/telemetry/stored-span.ts'
import type { CountedRow } from './cells.ts'
import type { FromStore, Method, StoreOptions, ToStore } from './messages.ts'

export interface TelemetryStoreOptions extends StoreOptions {
  readonly metrics: MetricStore
  readonly events: EventLog
  readonly log: Logger
  readonly clock?: Clock
}

const MIB = 1024 * 1024

/** Without a directory. */
export const STORE_IN_MEMORY: StoreOptions = {
  directory: undefined,
  maxBytes: 256 * MIB,
  memoryBytes: 64 * MIB,
}

/** One that keeps spans as `traces` does, and has those that were taken kept for longer. */
export function alsoKept(traces: SpanTaker, store: Pick<TelemetryStore, 'add'>): SpanTaker {
  return {
    add(span) {
      const taken = traces.add(span)
      if (taken) store.add(span)
      return taken
    },
  }
}

/** What was counted longer ago than that is handed on; what is told later than that counts as newer. Milliseconds. */
const SETTLE_MS = 20_000
const BLOCK_MS = LEVELS[0].stepMs
/** What waits is written so often. */
const WRITE_MS = 1000
/** Of spans that wait, and of batches that were sent and not written yet: a disk may be slow. */
const MOST_WAITING = 20_000
const MOST_UNWRITTEN = 4
/** Questions that wait for the worker at once, and how long one waits. */
const MOST_ASKED = 64
const PATIENCE_MS = 15_000
const CLOSE_MS = 5000

interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly cancel: () => void
}

/** Keeps what memory lets go of: a thread with a database (worker.ts), to which all of it goes in batches. */
export class TelemetryStore implements StoredTelemetry {
  /** Spans that found no place in the queue. */
  dropped = 0
  readonly #options: TelemetryStoreOptions
  readonly #clock: Clock
  readonly #worker: Worker
  readonly #asked = new Map<number, Asked>()
  #next = 1
  #spans: StoredSpan[] = []
  #events: MeshEvent[] = []
  #unwritten = 0
  #settled: number
  #ended: string | undefined
  #cancel: () => void = () => {}
  readonly #unwatch: () => void
  #state: { readonly where: 'disk' | 'memory' | 'starting'; readonly problem: string } = {
    where: 'starting',
    problem: '',
  }

  constructor(options: TelemetryStoreOptions) {
    const { directory, maxBytes, memoryBytes, retryMs, metrics, events, clock = systemClock } = options
    this.#options = options
    this.#clock = clock
    this.#settled = Math.floor(clock.now() / BLOCK_MS) * BLOCK_MS
    metrics.settledUntil = this.#settled
    const own: StoreOptions = { directory, maxBytes, memoryBytes, retryMs }
    this.#worker = new Worker(workerFile(), { workerData: own, name: 'weft-store', execArgv: [] })
    this.#worker.unref()
    this.#worker.on('message', (message: FromStore) => this.#heard(message))
    this.#worker.on('error', (error) => this.#end(describeError(error)))
    this.#worker.on('exit', (code) => this.#end(`its thread ended with ${code}`))
    this.#unwatch = events.onEvent((event) => this.#addEvent(event))
    this.#again()
  }

  /** Where it keeps what it is given, and why not where it should. */
  get state(): { readonly where: 'disk' | 'memory' | 'starting' | 'nowhere'; readonly problem: string } {
    return this.#ended === undefined ? this.#state : { where: 'nowhere', problem: this.#ended }
  }

  /** What was counted before is there; from then on only memory knows. Milliseconds since the epoch. */
  get settledUntil(): number {
    return this.#settled
  }

  /** What failed is kept before what did not, once there is no room. */
  add(span: StoredSpan): void {
    if (this.#ended !== undefined) return
    const room = span.status === 'error' ? MOST_WAITING : MOST_WAITING / 2
    if (this.#spans.length < room) this.#spans.push(span)
    else this.dropped++
  }

  #addEvent(event: MeshEvent): void {
    if (this.#ended === undefined && this.#events.length < MOST_WAITING) this.#events.push(event)
  }

  counts: StoredTelemetry['counts'] = (...asked) => this.#ask('counts', asked)
  rows: StoredTelemetry['rows'] = (...asked) => this.#ask('rows', asked)
  traces: StoredTelemetry['traces'] = (...asked) => this.#ask('traces', asked)
  peaks: StoredTelemetry['peaks'] = (...asked) => this.#ask('peaks', asked)
  spans: StoredTelemetry['spans'] = (...asked) => this.#ask('spans', asked)
  events: StoredTelemetry['events'] = (...asked) => this.#ask('events', asked)

  /** Sends what waits. `all`: also what is counted in blocks that are not over. */
  flush(all = false): void {
    this.#cancel()
    if (this.#ended === undefined && (all || this.#unwritten < MOST_UNWRITTEN)) this.#send(all)
    this.#again()
  }

  /** Resolves once all that came is written, or it takes too long. */
  async close(): Promise<void> {
    this.#cancel()
    this.#unwatch()
    if (this.#ended !== undefined) return
    this.#send(true)
    this.#worker.ref()
    this.#post({ kind: 'close' })
    const exit = once(this.#worker, 'exit')
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_MS)
    await exit
    clearTimeout(timer)
  }

  #again(): void {
    this.#cancel = this.#clock.after(WRITE_MS, () => this.flush())
  }

  #send(all: boolean): void {
    const now = this.#clock.now()
    const blocks = this.#blocks(all, now)
    const [spans, events] = [this.#spans, this.#events]
    if (blocks.length + spans.length + events.length === 0) return
    this.#spans = []
    this.#events = []
    this.#unwritten++
    // A block that is not over may still be added to, by whoever goes on from here.
    const until = Math.min(this.#settled, Math.floor(now / BLOCK_MS) * BLOCK_MS)
    this.#post({ kind: 'write', batch: { blocks, until, spans, events, now } })
  }

  /** What was counted in blocks that are over, each once. */
  #blocks(all: boolean, now: number): { at: number; rows: CountedRow[] }[] {
    const { metrics } = this.#options
    // A clock that went back: what is counted from here on is of now, and not of what was once thought to be.
    if (this.#settled > now + BLOCK_MS) this.#settled = Math.floor(now / BLOCK_MS) * BLOCK_MS
    const over = Math.floor((knownEnd(now) - SETTLE_MS) / BLOCK_MS) * BLOCK_MS
    const until = all ? (Math.floor(now / BLOCK_MS) + 1) * BLOCK_MS : over
    // What memory has forgotten by now, as after a sleep of the machine, is gone.
    const first = Math.max(this.#settled, Math.floor((now - RECENT_MS) / BLOCK_MS) * BLOCK_MS)
    const blocks: { at: number; rows: CountedRow[] }[] = []
    for (let at = first; at < until; at += BLOCK_MS) {
      const rows: CountedRow[] = []
      for (const table of TABLES)
        for (const [key, traffic] of metrics[table].entries()) {
          const counts = traffic.sum(at / SLOT_MS, (at + BLOCK_MS) / SLOT_MS)
          if (counts.some((value) => value !== 0)) rows.push({ table, key, counts })
        }
      blocks.push({ at, rows })
    }
    this.#settled = Math.max(this.#settled, until)
    metrics.settledUntil = this.#settled
    return blocks
  }

  #ask<T>(method: Method, asked: readonly unknown[]): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(failed(this.#ended))
    if (this.#asked.size >= MOST_ASKED) return Promise.reject(failed('too many questions wait'))
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.after(PATIENCE_MS, () => {
        this.#asked.delete(id)
        reject(failed('it takes too long'))
      })
      this.#asked.set(id, { resolve: (value) => resolve(value as T), reject, cancel })
      this.#post({ kind: 'ask', id, method, asked })
    })
  }

  #heard(message: FromStore): void {
    switch (message.kind) {
      case 'state': {
        const { where, problem } = message
        const { log } = this.#options
        if (problem !== '') log.warn('the store of telemetry', { where, problem })
        else if (this.#state.problem !== '')
          log.info('the store of telemetry is on the disk again, with what memory has kept meanwhile')
        this.#state = { where, problem }
        return
      }
      case 'written':
        this.#unwritten--
        return
      case 'answer':
        return this.#answered(message.id, ({ resolve }) => resolve(message.value))
      case 'failed':
        return this.#answered(message.id, ({ reject }) => reject(failed(message.reason)))
      case 'closed':
        this.#ended ??= 'it is closed'
    }
  }

  #answered(id: number, tell: (asked: Asked) => void): void {
    const asked = this.#asked.get(id)
    if (!asked) return
    this.#asked.delete(id)
    asked.cancel()
    tell(asked)
  }

  #post(message: ToStore): void {
    this.#worker.postMessage(message)
  }

  /** What it cannot keep is gone; what memory holds is still answered. */
  #end(reason: string): void {
    if (this.#ended === undefined) {
      this.#ended = reason
      this.#options.log.error('the store of telemetry has ended; the last minutes are kept in memory', {
        reason,
      })
    }
    for (const id of [...this.#asked.keys()]) this.#answered(id, ({ reject }) => reject(failed(reason)))
    this.#spans = []
    this.#events = []
  }
}

function failed(reason: string): WeftError {
  return new WeftError('store.failed', `what is kept of the time before cannot be read: ${reason}`)
}

/** Beside this file, or beside the program that all is bundled into (cli/bundle.ts). */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './store-worker.mjs', import.meta.url)
}
