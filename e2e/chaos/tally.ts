import type { Outcome } from './outcome.ts'
import { FAULTS, type FaultName } from './plan.ts'

/** What a row stands for: a fault, or the time before the first. */
export type Cause = FaultName | 'nothing'

/** What came of all that was used while one kind of fault was at work, and until the next was. */
export interface Row {
  readonly fault: Cause
  times: number
  uses: number
  /** Of the caller that is left alone, what another replica could have answered: reads, and whatever was never sent. */
  avoidable: number
  /** Writes, calls and handshakes of it that were sent and not answered: a replica that was ended had them. */
  failed: number
  /** What broke off in use. */
  cut: number
  lost: number
  repeated: number
  wrong: number
  /** Of the caller that is left alone, of reads and of everything. Milliseconds. */
  longestReadMs: number
  longestMs: number
}

export type Caller = 'steady' | 'shaken'

// What a sidecar says of a request that found no connection (proxy/exchange/failure.ts). A WebSocket's handshake that was
// sent is not repeated: its application may have begun what it asks for.
const NEVER_SENT = /upstream_connect_|upstream_endpoint_removed|no_healthy_upstream|upstream connect error$/
const REASONS = 20

/** Puts what callers tell beside what was done at that time. */
export class Tally {
  readonly reasons: string[] = []
  readonly #rows = new Map<Cause, Row>()
  readonly #since: { readonly at: number; readonly row: Row }[] = []
  /** Writes that were answered, by number: under which fault. */
  readonly #written = new Map<number, Row>()
  /** All that were begun. */
  readonly #begun = new Map<number, Row>()
  readonly #told: Record<Caller, Told>

  /** `first`: the number with which each caller begins; they go up by one. */
  constructor(first: Readonly<Record<Caller, number>>) {
    this.#told = { steady: new Told(first.steady), shaken: new Told(first.shaken) }
    this.begins('nothing', 0)
  }

  /** From `at` on (Unix time in milliseconds), a fault is at work. Call it before the fault is. */
  begins(fault: Cause, at: number): void {
    let row = this.#rows.get(fault)
    if (!row) {
      const none = { times: 0, uses: 0, avoidable: 0, failed: 0, cut: 0, lost: 0, repeated: 0 }
      row = { fault, ...none, wrong: 0, longestReadMs: 0, longestMs: 0 }
      this.#rows.set(fault, row)
    }
    row.times++
    this.#since.push({ at, row })
  }

  add(caller: Caller, outcome: Outcome): void {
    this.#told[caller].add(outcome)
    const row = this.#at(outcome)
    const { kind, number, ms, result } = outcome
    row.uses++
    if (kind === 'write') {
      this.#begun.set(number, row)
      if (result === 'ok') this.#written.set(number, row)
    }
    if (caller === 'steady') {
      row.longestMs = Math.max(row.longestMs, ms)
      if (kind === 'read') row.longestReadMs = Math.max(row.longestReadMs, ms)
    }
    if (result === 'wrong') row.wrong++
    else if (caller === 'steady' && result === 'failed' && avoidable(outcome)) row.avoidable++
    else if (caller === 'steady' && result === 'failed') row.failed++
    else if (caller === 'steady' && result === 'cut') row.cut++
    if (result === 'ok' || this.reasons.length >= REASONS) return
    if (result === 'wrong' || caller === 'steady')
      this.reasons.push(`${row.fault}: ${kind} ${number} ${result} after ${ms} ms: ${outcome.why ?? ''}`)
  }

  /** Whether all that was begun before `at` (Unix time in milliseconds) is over: what comes now is due to what follows. */
  settled(at: number): boolean {
    return this.#told.steady.until >= at && this.#told.shaken.until >= at
  }

  /** At the end: the numbers of the writes that applications logged, each as often as it was. */
  wrote(numbers: Iterable<number>): void {
    const times = new Map<number, number>()
    for (const number of numbers) times.set(number, (times.get(number) ?? 0) + 1)
    for (const [number, row] of this.#written) if (!times.has(number)) row.lost++
    for (const [number, count] of times) {
      const row = this.#begun.get(number)
      if (row && count > 1) row.repeated += count - 1
    }
  }

  /** In the order of their first times. */
  get rows(): readonly Row[] {
    return [...this.#rows.values()]
  }

  /** The fault at work when it ended. */
  #at({ at, ms }: Outcome): Row {
    const found = this.#since.findLast((one) => one.at <= at + ms)
    return (found ?? this.#since[0])?.row as Row
  }
}

/** Up to when all that a caller began is over. */
class Told {
  /** Unix time in milliseconds. */
  until = 0
  #next: number
  readonly #ahead = new Map<number, number>()

  constructor(first: number) {
    this.#next = first
  }

  add({ number, at }: Outcome): void {
    this.#ahead.set(number, at)
    for (let begun; (begun = this.#ahead.get(this.#next)) !== undefined; this.#next++) {
      this.until = begun
      this.#ahead.delete(this.#next)
    }
  }
}

function avoidable({ kind, why = '' }: Outcome): boolean {
  return kind === 'read' || NEVER_SENT.test(why)
}

/** Whether a row is as it has to be. */
export function holds(row: Row): boolean {
  const { avoidable: avoided, failed, cut, lost, repeated, wrong } = row
  const mayCut = row.fault !== 'nothing' && FAULTS[row.fault].cuts
  return avoided + lost + repeated + wrong === 0 && (mayCut || failed + cut === 0)
}
