import { describeError } from '../../core/errors.ts'
import type { StoreOptions } from './messages.ts'
import {
  brokenReason,
  isFull,
  isInUse,
  memoryDatabase,
  moveAside,
  openDatabase,
  type OpenedDatabase,
} from './open-database.ts'
import { TelemetryDatabase, type Batch } from './telemetry-database.ts'

export interface KeptDatabaseOptions extends StoreOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Where what comes is kept from now on, and what speaks against it; '' where all is well. */
  readonly told: (where: 'disk' | 'memory', problem: string) => void
}

/** How long after a failure the disk is tried again; each that follows doubles it, up to the longest. Milliseconds. */
const RETRY_MS = 30_000
const LONGEST_RETRY_MS = 16 * 60_000

interface Opened {
  readonly database: TelemetryDatabase
  readonly where: 'disk' | 'memory'
}

/**
 * On the disk where that is possible, else in memory until it is possible again: the disk is tried again and again, and takes
 * over what memory has kept meanwhile.
 */
export class KeptDatabase {
  readonly #options: KeptDatabaseOptions
  #opened: Opened
  #retryMs: number
  /** On the clock that nobody sets. */
  #retryAt = 0

  constructor(options: KeptDatabaseOptions) {
    this.#options = options
    this.#retryMs = options.retryMs ?? RETRY_MS
    this.#opened = options.directory === undefined ? this.#inMemory('') : this.#open(options.directory)
  }

  /** Never throws: what cannot be written where it should goes on elsewhere. */
  write(batch: Batch): void {
    this.#comeBack()
    try {
      this.#write(batch)
    } catch (error) {
      this.#replace(error)
      try {
        this.#write(batch)
      } catch {
        // What even an empty one does not take is nobody's loss but its own.
      }
    }
  }

  /** What `read` finds; in a file that turns out to be broken, what is left once it was moved aside. */
  answer<T>(read: (database: TelemetryDatabase) => T): T {
    try {
      return read(this.#opened.database)
    } catch (error) {
      if (brokenReason(error) === undefined) throw error
      this.#replace(error)
      return read(this.#opened.database)
    }
  }

  close(): void {
    this.#opened.database.close()
  }

  #write(batch: Batch): void {
    const backMs = this.#opened.database.write(batch)
    if (backMs === 0) return
    const minutes = Math.round(backMs / 60_000)
    const what = `the clock went back by ${minutes} minutes: what was counted in what is still to come is forgotten`
    this.#options.told(this.#opened.where, what)
  }

  /** What cannot be written goes on elsewhere: broken, in a new file; without room, in memory. */
  #replace(error: unknown): void {
    const { directory, now, told } = this.#options
    try {
      this.close()
    } catch {
      // It is given up anyway.
    }
    const reason = brokenReason(error)
    const onDisk = directory !== undefined && this.#opened.where === 'disk'
    if (onDisk && reason !== undefined) {
      const file = moveAside(directory, now())
      this.#opened = this.#open(directory)
      if (this.#opened.where === 'disk') told('disk', movedAsideText({ file, reason }))
      return
    }
    const full = isFull(error) ? 'there is no room for it any more' : describeError(error)
    const where = onDisk ? directory : 'memory'
    this.#opened = this.#inMemory(`nothing more can be written to ${where}: ${full}`)
  }

  /** What was kept in memory goes to the disk, once that takes all of it; else it stays where it is. */
  #comeBack(): void {
    const { directory, maxBytes, now, retryMs = RETRY_MS, told } = this.#options
    if (directory === undefined || this.#opened.where === 'disk' || performance.now() < this.#retryAt) return
    let next: Opened | undefined
    try {
      const { database, movedAside } = openDatabase(directory, maxBytes, now())
      next = { database: new TelemetryDatabase(database, maxBytes, now), where: 'disk' }
      next.database.takeOver(this.#opened.database, now())
      this.close()
      this.#opened = next
      this.#retryMs = retryMs
      told('disk', movedAsideText(movedAside))
    } catch {
      next?.database.close()
      this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS)
      this.#retryAt = performance.now() + this.#retryMs
    }
  }

  #open(directory: string): Opened {
    const { maxBytes, now, told } = this.#options
    try {
      const { database, movedAside } = openDatabase(directory, maxBytes, now())
      const opened = new TelemetryDatabase(database, maxBytes, now)
      told('disk', movedAsideText(movedAside))
      return { database: opened, where: 'disk' }
    } catch (error) {
      const why = isInUse(error) ? 'another process uses it, and one alone may' : describeError(error)
      return this.#inMemory(`${directory} cannot be used: ${why}`)
    }
  }

  #inMemory(problem: string): Opened {
    const { memoryBytes, now, told } = this.#options
    told('memory', problem)
    this.#retryAt = performance.now() + this.#retryMs
    const database = new TelemetryDatabase(memoryDatabase(memoryBytes), memoryBytes, now)
    return { database, where: 'memory' }
  }
}

function movedAsideText(movedAside: OpenedDatabase['movedAside']): string {
  return movedAside ? `what was kept is now ${movedAside.file}, as ${movedAside.reason}` : ''
}
