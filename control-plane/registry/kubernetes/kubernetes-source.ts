import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import { Watched } from '../../../core/watched.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import { applyChanges, EMPTY_SNAPSHOT, type Change, type Snapshot } from '../snapshot.ts'
import { formatSourceError, type Source, type SourceError } from '../source.ts'
import { Reflector, WATCH_TIMES, type WatchTimes } from './reflector.ts'
import { WATCHED_KINDS } from './resources.ts'

export interface KubernetesSourceOptions {
  readonly connection: KubernetesConnection
  readonly log: Logger
  readonly times?: Partial<WatchTimes>
  /** Changes that come within so long are one. Milliseconds. */
  readonly debounceMs?: number
  readonly clock?: Clock
  /** 0 to 1; for timing that several replicas must not share. */
  readonly random?: () => number
}

const DEBOUNCE_MS = 10
/** Working changes out takes at most about half of the time, however fast they come; and none waits for longer. */
const MAX_DEBOUNCE_MS = 500

/**
 * The mesh's objects from an API server. The snapshot stays empty until all kinds were listed (`synced`), and is whole
 * from then on: what cannot be read stays as it was last.
 */
export class KubernetesSource implements Source {
  readonly snapshot = new Watched<Snapshot>(EMPTY_SNAPSHOT)
  readonly errors = new Watched<readonly SourceError[]>([])
  /** Resolves when all kinds were read once. Rejects with WeftError `registry.closed` when closed before. */
  readonly synced: Promise<void>
  readonly #reflectors: readonly Reflector[]
  readonly #log: Logger
  readonly #clock: Clock
  readonly #debounceMs: number
  readonly #sync = Promise.withResolvers<void>()
  #isSynced = false
  #isClosed = false
  #pending: Change[] = []
  #lastFlushMs = 0
  #cancelFlush: (() => void) | undefined
  #logged: ReadonlySet<string> = new Set()

  constructor(options: KubernetesSourceOptions) {
    const { connection, log, random } = options
    this.#log = log
    this.#clock = options.clock ?? systemClock
    this.#debounceMs = options.debounceMs ?? DEBOUNCE_MS
    this.synced = this.#sync.promise
    this.synced.catch(() => {})
    this.#reflectors = WATCHED_KINDS.map(
      (kind) =>
        new Reflector({
          kind,
          connection,
          log,
          clock: this.#clock,
          ...(random ? { random } : {}),
          times: { ...WATCH_TIMES, ...options.times },
          onChanges: (changes) => this.#changed(changes),
          onState: () => this.#stateChanged(),
        }),
    )
    for (const reflector of this.#reflectors) void reflector.run()
  }

  /** Kinds that were not read yet, with why, for people. */
  get waitsFor(): string {
    const kinds = WATCHED_KINDS.filter((_, index) => !this.#reflectors[index]?.synced)
    const why = this.errors.value.filter(({ origin }) => kinds.some(({ kind }) => kind === origin))
    return [`lists ${kinds.map(({ kind }) => kind).join(', ')}`, ...why.map(({ message }) => message)].join(
      '; ',
    )
  }

  close(): void {
    this.#isClosed = true
    this.#cancelFlush?.()
    for (const reflector of this.#reflectors) reflector.stop()
    this.#sync.reject(new WeftError('registry.closed', 'closed before the cluster was read'))
  }

  #changed(changes: readonly Change[]): void {
    for (const change of changes) this.#pending.push(change)
    if (!this.#isSynced || this.#cancelFlush || this.#isClosed || this.#pending.length === 0) return
    const waitMs = Math.min(Math.max(this.#debounceMs, this.#lastFlushMs), MAX_DEBOUNCE_MS)
    this.#cancelFlush = this.#clock.after(waitMs, () => this.#flush())
  }

  #flush(): void {
    this.#cancelFlush = undefined
    const changes = this.#pending
    this.#pending = []
    const began = performance.now()
    this.snapshot.set(applyChanges(this.snapshot.value, changes))
    this.#lastFlushMs = performance.now() - began
  }

  #stateChanged(): void {
    if (this.#isClosed) return
    const errors = this.#reflectors.flatMap((reflector) => reflector.errors)
    const texts = errors.map(formatSourceError)
    const kinds = new Set<string>(WATCHED_KINDS.map(({ kind }) => kind))
    for (const [index, text] of texts.entries()) {
      // What a reflector says of itself it has logged.
      if (!this.#logged.has(text) && !kinds.has(errors[index]?.origin ?? '')) this.#log.error(text)
    }
    const same = texts.length === this.#logged.size && texts.every((text) => this.#logged.has(text))
    this.#logged = new Set(texts)
    if (!same) this.errors.set(errors)
    if (this.#isSynced || !this.#reflectors.every(({ synced }) => synced)) return
    this.#isSynced = true
    this.#flush()
    this.#sync.resolve()
  }
}
