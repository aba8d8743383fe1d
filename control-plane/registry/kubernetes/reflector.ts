import { Backoff } from '../../../core/backoff.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { describeError, WeftError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import type { KubernetesConnection, WatchEvent } from '../../kubernetes/connection.ts'
import type { Change } from '../snapshot.ts'
import type { SourceError } from '../source.ts'
import { KindStore, Listing } from './kind-store.ts'
import { compareVersions } from './resource-version.ts'
import type { WatchedKind } from './resources.ts'

/** All in milliseconds but `pageSize`. */
export interface WatchTimes {
  /** Objects a page of a list. */
  readonly pageSize: number
  readonly listTimeoutMs: number
  /** How long a watch may take to begin, and a list of one object to come. */
  readonly answerMs: number
  /** After so long, and up to half as long again, the server ends a watch; the next one goes on from there. */
  readonly watchMs: number
  /** A watch that is silent for so long after its end was due hangs. */
  readonly graceMs: number
  readonly retryBaseMs: number
  readonly retryMaxMs: number
  /** How often a kind that is not installed is looked for; and how long one that was there must be gone. */
  readonly absentMs: number
  /** After so long everything is listed again: what no event told (an etcd restored in silence) is mended then. */
  readonly relistMs: number
}

/**
 * A hanging watch is noticed within 50 s, like client-go's by its HTTP/2 pings; a new watch costs the API server's
 * cache little, and eight of them come in half a minute.
 */
export const WATCH_TIMES: WatchTimes = {
  pageSize: 500,
  listTimeoutMs: 60_000,
  answerMs: 10_000,
  watchMs: 30_000,
  graceMs: 5000,
  retryBaseMs: 200,
  retryMaxMs: 30_000,
  absentMs: 5000,
  relistMs: 600_000,
}

/** So many 429 in a row (RFC 6585 section 4), at least three seconds as API servers say it, are no problem. */
const BUSY_ANSWERS = 3

export interface ReflectorOptions {
  readonly kind: WatchedKind
  readonly connection: KubernetesConnection
  readonly times: WatchTimes
  readonly log: Logger
  readonly onChanges: (changes: readonly Change[]) => void
  /** `synced` or `errors` may be another. */
  readonly onState: () => void
  readonly clock?: Clock
  /** 0 to 1. */
  readonly random?: () => number
}

/** Thrown when the server's versions say that this is another history than the one that was followed. */
class HistoryWentBack extends WeftError {
  constructor() {
    super('registry.history', 'the API server went back in time')
  }
}

/**
 * Keeps the objects of one kind as the API server has them: lists, watches from there, and lists again when the watch
 * cannot go on. What it had stays in force as long as nothing newer is known.
 */
export class Reflector {
  readonly #options: ReflectorOptions
  readonly #clock: Clock
  readonly #random: () => number
  readonly #store: KindStore
  readonly #backoff: Backoff
  readonly #stop = new AbortController()
  /** resourceVersion up to which everything is known; undefined: a list must tell. */
  #position: string | undefined
  #listedAt = 0
  #paged = true
  #failures = 0
  #absentSince: number | undefined
  #problem: string | undefined
  #synced = false

  constructor(options: ReflectorOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.#store = new KindStore(options.kind)
    const { retryBaseMs, retryMaxMs } = options.times
    this.#backoff = new Backoff({ baseMs: retryBaseMs, maxMs: retryMaxMs, random: this.#random })
  }

  /** Whether all objects were known at one moment. It stays so. */
  get synced(): boolean {
    return this.#synced
  }

  get errors(): readonly SourceError[] {
    const own = this.#problem
    if (own === undefined) return this.#store.errors
    return [
      { origin: this.#options.kind.kind, line: undefined, field: '', message: own },
      ...this.#store.errors,
    ]
  }

  /** Follows until `stop`. Never throws. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const began = this.#clock.now()
      let waitMs = 0
      try {
        await this.#follow()
        // A server, or what stands before it, that ends each watch at once is not asked in a loop.
        if (this.#clock.now() - began < 1000) waitMs = this.#backoff.next()
        else this.#backoff.reset()
      } catch (error) {
        waitMs = this.#failed(error)
      }
      if (waitMs > 0) await this.#pause(waitMs)
    }
  }

  stop(): void {
    this.#stop.abort()
  }

  async #follow(): Promise<void> {
    const { times } = this.#options
    if (this.#position !== undefined && this.#clock.now() - this.#listedAt > times.relistMs)
      this.#position = undefined
    if (this.#position === undefined) await this.#list()
    else await this.#checkHistory(this.#position)
    await this.#watch()
  }

  async #list(): Promise<void> {
    const { kind, times } = this.#options
    const listing = new Listing(kind)
    let version = ''
    let next: string | undefined
    do {
      // Without a resourceVersion: the most recent state, never an older one of a cache that lags.
      const page = await this.#page({ limit: this.#paged ? times.pageSize : undefined, continue: next })
      for (const item of page.items) listing.add(item)
      version = page.version
      next = page.next
    } while (next !== undefined)
    this.#paged = true
    if (this.#absentSince !== undefined) this.#options.log.info('kind is installed now', { kind: kind.kind })
    this.#absentSince = undefined
    this.#listedAt = this.#clock.now()
    this.#position = version
    this.#replace(listing)
  }

  #replace(listing: Listing): void {
    const changes = this.#store.replace(listing)
    if (!this.#synced) {
      this.#synced = true
      this.#options.log.info('synced', { kind: this.#options.kind.kind, objects: this.#store.size })
    }
    this.#options.onChanges(changes)
    this.#options.onState()
  }

  /**
   * After a restored etcd the versions begin again at an older one. A watch from one that has not come yet is silent
   * until then, so it is asked first where the server is.
   */
  async #checkHistory(position: string): Promise<void> {
    const { version } = await this.#page({ limit: 1, continue: undefined }, this.#options.times.answerMs)
    if (compareVersions(version, position) < 0) throw new HistoryWentBack()
  }

  async #page(
    query: { limit: number | undefined; continue: string | undefined },
    timeoutMs: number = this.#options.times.listTimeoutMs,
  ): Promise<Page> {
    const { kind, connection } = this.#options
    const { signal } = this.#stop
    return readPage(await connection.request({ method: 'GET', path: kind.path, query, timeoutMs, signal }))
  }

  async #watch(): Promise<void> {
    const { kind, connection, times } = this.#options
    const ms = times.watchMs * (1 + this.#random() / 2)
    await connection.watch(
      {
        path: kind.path,
        query: {
          allowWatchBookmarks: true,
          resourceVersion: this.#position,
          timeoutSeconds: Math.max(1, Math.round(ms / 1000)),
        },
        timeoutMs: times.answerMs,
        silenceMs: ms + times.graceMs,
        signal: this.#stop.signal,
        onOpen: () => {
          this.#failures = 0
          this.#tell(undefined)
        },
      },
      (event) => this.#take(event),
    )
  }

  #take({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw eventError(this.#options, object)
    const version = versionOf(object)
    const order = this.#position === undefined ? 1 : compareVersions(version, this.#position)
    if (type === 'BOOKMARK') {
      if (order >= 0) this.#position = version
      return
    }
    if (order < 0) throw new HistoryWentBack()
    // The same version again, with a version that has an order, is the same event again: it may be taken twice.
    this.#position = version
    const had = this.#store.errors.length
    const changes = type === 'DELETED' ? this.#store.delete(object) : this.#store.put(object)
    if (changes.length > 0) this.#options.onChanges(changes)
    if (had > 0 || this.#store.errors.length > 0) this.#options.onState()
  }

  /** What to do after a failure; gives the milliseconds to wait before. */
  #failed(error: unknown): number {
    const { log, kind, times } = this.#options
    if (this.#stop.signal.aborted) return 0
    if (error instanceof HistoryWentBack) {
      log.warn('the API server went back in time (a restored etcd?): listing anew', { kind: kind.kind })
      this.#position = undefined
      return 0
    }
    const status = error instanceof KubernetesError ? error.status : 0
    if (status === 410) {
      // Compacted: between two pages a list without pages is the way on, as for client-go.
      if (this.#position === undefined) this.#paged = false
      this.#position = undefined
      log.info('what to go on from was compacted away: listing anew', { kind: kind.kind })
      return this.#backoff.next()
    }
    if (status === 404 && kind.custom) return this.#absent()
    this.#failures++
    // Asked to come later, as of a kind whose storage is just being opened: what is known holds, and nothing is wrong yet.
    const later = status === 429 && this.#failures <= BUSY_ANSWERS
    // A watch that broke goes on from where it was; after an outage nobody knows what is behind the same address.
    if (this.#failures > 1 && !later) this.#position = undefined
    if (later)
      log.info('the API server asks to come later', { kind: kind.kind, reason: describeError(error) })
    else if (this.#position === undefined || status > 0) this.#tell(describeError(error))
    else log.debug('a watch broke', { kind: kind.kind, reason: describeError(error) })
    const wanted = error instanceof KubernetesError ? (error.retryAfterMs ?? 0) : 0
    return Math.max(this.#backoff.next(), Math.min(wanted, times.retryMaxMs))
  }

  /**
   * The kind is not installed, which is nothing wrong. Of one that had objects that must be seen for a while: objects
   * are policies, and an API server that just starts is no reason to drop them.
   */
  #absent(): number {
    const { log, kind, times } = this.#options
    const now = this.#clock.now()
    this.#position = undefined
    if (this.#absentSince === undefined) {
      this.#absentSince = now
      log.info('kind is not installed; looking for it now and then', {
        kind: kind.kind,
        apiVersion: kind.apiVersion,
      })
    }
    const lasted = now - this.#absentSince >= times.absentMs
    if (!this.#synced || lasted) this.#replace(new Listing(kind))
    this.#tell(undefined)
    return times.absentMs * (1 + this.#random() / 4)
  }

  #tell(problem: string | undefined): void {
    if (problem === this.#problem) return
    if (problem === undefined) this.#options.log.info('reads again', { kind: this.#options.kind.kind })
    else this.#options.log.error(problem, { kind: this.#options.kind.kind })
    this.#problem = problem
    this.#options.onState()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stop
      const done = (): void => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.#clock.after(ms, done)
      signal.addEventListener('abort', done)
    })
  }
}

interface Page {
  readonly items: readonly unknown[]
  readonly version: string
  readonly next: string | undefined
}

function readPage(answer: unknown): Page {
  const list = answer as {
    items?: unknown
    metadata?: { resourceVersion?: unknown; continue?: unknown }
  } | null
  const version = list?.metadata?.resourceVersion
  if (typeof version !== 'string' || version === '') throw malformed('the answer to a list')
  const next = list?.metadata?.continue
  return {
    // Go writes an empty list as null.
    items: Array.isArray(list?.items) ? (list.items as readonly unknown[]) : [],
    version,
    next: typeof next === 'string' && next !== '' ? next : undefined,
  }
}

function versionOf(object: unknown): string {
  const version = (object as { metadata?: { resourceVersion?: unknown } } | null)?.metadata?.resourceVersion
  if (typeof version !== 'string' || version === '') throw malformed('an event of a watch')
  return version
}

function malformed(what: string): WeftError {
  return new WeftError('kubernetes.malformed', `${what} has no resourceVersion`)
}

/** An ERROR event carries a Status; 410 says that the version to go on from was compacted away. */
function eventError({ kind }: ReflectorOptions, object: unknown): Error {
  const {
    code = 0,
    reason = '',
    message = '',
  } = (object ?? {}) as {
    code?: number
    reason?: string
    message?: string
  }
  return new KubernetesError(
    code === 410 ? 'kubernetes.gone' : 'kubernetes.server',
    `watch ${kind.kind}: ${code} ${reason}: ${message}`,
    {
      target: { group: '', resource: kind.kind, namespace: '', name: '', verb: 'watch' },
      status: code,
      reason,
    },
  )
}
