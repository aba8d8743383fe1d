import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { KubernetesError } from './api-error.ts'
import type { KubernetesConnection } from './connection.ts'

/** An object as the API server has it. */
export interface KubernetesObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly resourceVersion?: string
    readonly generation?: number
    readonly uid?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly [field: string]: unknown
  }
  readonly [field: string]: unknown
}

export interface FollowOptions {
  readonly connection: KubernetesConnection
  /** Of the collection. */
  readonly path: string
  /** Only objects of this name; RBAC then needs no more than `resourceNames`. */
  readonly name?: string
  /** `undefined`: it is gone. Also called for objects of which nothing changed. */
  readonly onObject: (key: string, object: KubernetesObject | undefined) => void
  /** All that there is has been told, again after each list. */
  readonly onListed?: () => void
  readonly log: Logger
  readonly clock?: Clock
  /** Milliseconds. */
  readonly watchMs?: number
  /** A watch that is silent for so long after its end was due hangs. Milliseconds. */
  readonly graceMs?: number
  readonly retry?: { readonly baseMs: number; readonly maxMs: number }
}

export interface Followed {
  /** By `namespace/name`, or by name. */
  readonly objects: ReadonlyMap<string, KubernetesObject>
  /** Takes what the API server answered to a write: its event comes later. */
  wrote(object: unknown): void
  close(): void
}

const WATCH_MS = 60_000
const GRACE_MS = 5_000
const SOUND_MS = 10_000
const PAGE = 500

/**
 * Follows a few objects that the control plane itself writes, or that stand beside them: lists and watches, in
 * turns. (The mesh's own input has a reflector of its own.)
 */
export function followObjects(options: FollowOptions): Followed {
  const { connection, path, name, onObject, onListed, log, clock = systemClock, watchMs = WATCH_MS } = options
  const objects = new Map<string, KubernetesObject>()
  const stop = new AbortController()
  const backoff = new Backoff(options.retry ?? { baseMs: 200, maxMs: 30_000 })
  const fieldSelector = name === undefined ? undefined : `metadata.name=${name}`
  let told: string | undefined
  /** Resource version of the last event, or of the list before it. */
  let seen = 0n

  const list = async (): Promise<string> => {
    const found = new Map<string, KubernetesObject>()
    let version = ''
    let next: string | undefined
    do {
      const query = { fieldSelector, limit: PAGE, continue: next }
      const page = (await connection.request({ method: 'GET', path, query, signal: stop.signal })) as List
      for (const item of page.items ?? []) found.set(keyOf(item), item)
      version = page.metadata.resourceVersion
      next = page.metadata.continue || undefined
    } while (next !== undefined)
    if (stop.signal.aborted) return version
    // Lower than before where etcd was restored.
    seen = versionOf({ metadata: { name: '', resourceVersion: version } })
    const gone = [...objects.keys()].filter((key) => !found.has(key))
    objects.clear()
    for (const [key, object] of found) objects.set(key, object)
    for (const key of gone) onObject(key, undefined)
    for (const [key, object] of found) onObject(key, object)
    onListed?.()
    return version
  }
  const watch = async (from: string): Promise<void> => {
    const ms = watchMs * (1 + Math.random() / 2)
    await connection.watch(
      {
        path,
        query: {
          fieldSelector,
          resourceVersion: from,
          timeoutSeconds: Math.max(1, Math.round(ms / 1000)),
        },
        silenceMs: ms + (options.graceMs ?? GRACE_MS),
        signal: stop.signal,
      },
      ({ type, object }) => {
        if (type === 'ERROR')
          throw new KubernetesError('kubernetes.gone', 'the watch cannot go on', NO_TARGET)
        const item = object as KubernetesObject
        if (type === 'BOOKMARK' || stop.signal.aborted) return
        const key = keyOf(item)
        seen = versionOf(item)
        if (type === 'DELETED') objects.delete(key)
        else objects.set(key, item)
        onObject(key, type === 'DELETED' ? undefined : item)
      },
    )
  }
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const began = clock.now()
      try {
        // Anew each time: that also mends what no event told, as when etcd is restored.
        await watch(await list())
        told = undefined
      } catch (error) {
        if (!stop.signal.aborted) tell(error)
      }
      // A server that ends each watch at once is not asked in a loop.
      if (clock.now() - began >= SOUND_MS) backoff.reset()
      if (!stop.signal.aborted) await pause(backoff.next())
    }
  }
  const tell = (error: unknown): void => {
    // Not installed is nothing wrong; a watch that breaks now and then neither.
    if (error instanceof KubernetesError && (error.status === 404 || error.code === 'kubernetes.gone')) return
    const reason = describeError(error)
    if (error instanceof KubernetesError && error.status === 429)
      return log.info('the API server asks to come later', { path, reason })
    if (told !== reason) log.warn('objects cannot be followed now', { path, reason })
    told = reason
  }
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        cancel()
        stop.signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = clock.after(ms, done)
      stop.signal.addEventListener('abort', done)
    })
  void run()
  return {
    objects,
    wrote(object) {
      const item = object as KubernetesObject
      // Events come in the order of versions: this one's was there already, and one that deleted it may have been.
      if (versionOf(item) >= seen) objects.set(keyOf(item), item)
    },
    close: () => stop.abort(),
  }
}

interface List {
  readonly items?: readonly KubernetesObject[] | null
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
}

const NO_TARGET = { target: { group: '', resource: '', namespace: '', name: '', verb: 'watch' } }

/** Comparable as a number (kubernetes.io/docs/reference/using-api/api-concepts, "Resource versions"). */
function versionOf({ metadata: { resourceVersion = '' } }: KubernetesObject): bigint {
  return /^\d+$/.test(resourceVersion) ? BigInt(resourceVersion) : 0n
}

function keyOf({ metadata: { namespace = '', name } }: KubernetesObject): string {
  return namespace === '' ? name : `${namespace}/${name}`
}
