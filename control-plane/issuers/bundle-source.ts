import { setTimeout as delay } from 'node:timers/promises'
import { sameBundle, type TrustBundle } from '../../certs/trust-bundle.ts'
import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched, type Watchable } from '../../core/watched.ts'

/** The roots of an issuer, kept as they are where they come from. */
export interface BundleSource {
  readonly bundle: Watchable<TrustBundle>
  /** Reads it again now. Throws what reading it throws; the bundle stays as it was then. */
  refresh(): Promise<void>
  close(): void
}

export interface BundleSourceOptions {
  /** For messages, such as `ConfigMap weft-system/mesh-roots`. */
  readonly title: string
  /** Throws WeftError with what is wrong. */
  readonly read: (signal: AbortSignal) => Promise<TrustBundle>
  readonly log: Logger
  /** Ends the waiting for the first one; the promise is rejected then. */
  readonly signal: AbortSignal
  /** Says what is waited for. */
  readonly waiting: (reason: string) => void
  readonly clock?: Clock
  readonly random?: () => number
  /** Milliseconds. */
  readonly everyMs?: number
  readonly retry?: { readonly baseMs: number; readonly maxMs: number }
}

const EVERY_MS = 30_000
const RETRY = { baseMs: 500, maxMs: 15_000 }
const READ_MS = 10_000

/** Reads a bundle every half a minute, as long as it takes until there is a first one. What was good goes on where it cannot be read. */
export async function openBundleSource(options: BundleSourceOptions): Promise<BundleSource> {
  const { title, log, signal, clock = systemClock, random = Math.random, everyMs = EVERY_MS } = options
  const closed = new AbortController()
  const read = () => options.read(AbortSignal.any([closed.signal, AbortSignal.timeout(READ_MS)]))
  let told = ''
  const tell = (error: unknown, message: string): void => {
    const reason = `${title}: ${describeError(error)}`
    if (reason !== told) log.error(message, { reason })
    told = reason
  }

  const first = async (): Promise<TrustBundle> => {
    for (const backoff = new Backoff({ ...(options.retry ?? RETRY), random }); ;) {
      signal.throwIfAborted()
      try {
        return await read()
      } catch (error) {
        tell(error, "waiting for the issuer's trust bundle")
        options.waiting(`the issuer's trust bundle: ${title}: ${describeError(error)}`)
      }
      await delay(backoff.next(), undefined, { signal })
    }
  }
  const bundle = new Watched(await first())
  const refresh = async (): Promise<void> => {
    const fresh = await read()
    if (told !== '') log.info("the issuer's trust bundle is read again", { from: title })
    told = ''
    if (closed.signal.aborted || sameBundle(fresh, bundle.value)) return
    log.info("the issuer's trust bundle changed", { from: title, roots: fresh.roots.length })
    bundle.set(fresh)
  }
  let cancel = () => {}
  const again = async (): Promise<void> => {
    try {
      await refresh()
    } catch (error) {
      if (!closed.signal.aborted)
        tell(error, "the issuer's trust bundle could not be read again; what was read before is trusted on")
    }
    if (!closed.signal.aborted) next()
  }
  const next = (): void => {
    cancel = clock.after(everyMs * (0.9 + 0.2 * random()), () => void again())
  }
  next()
  return {
    bundle,
    refresh,
    close() {
      closed.abort()
      cancel()
    },
  }
}
