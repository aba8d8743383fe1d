import { Backoff } from '../../core/backoff.ts'
import { monotonicClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import {
  MOST_SOURCES,
  sourceKey,
  type FetchedKeys,
  type KeysBySource,
  type KeySource,
} from '../model/token-rule.ts'
import { readKeySet } from '../model/key-set.ts'
import type { FetchedJson, FetchJson } from './fetch-json.ts'
import { NO_KEPT_KEYS, type KeptKeys } from './kept-keys.ts'

/** Keys that policies name by a URL, kept current. */
export interface KeyStore {
  readonly keys: Watchable<KeysBySource>
  /** Fetches these from now on, and no others; the same array again changes nothing. */
  want(sources: readonly KeySource[]): void
  /** Resolves once each that is wanted now was fetched, or could not be, and after `mostMs` in any case. */
  settled(mostMs: number): Promise<void>
  close(): void
}

export interface KeyStoreOptions {
  readonly fetch: FetchJson
  readonly log: Logger
  /** What a control plane before this one knew: it counts until a fetch brings others. */
  readonly kept?: KeptKeys
  readonly clock?: Clock
  /** From 0 up to 1. */
  readonly random?: () => number
}

/** How long keys count as current where nothing is said of it, and the bounds of what is. */
const DEFAULT_AGE_MS = 20 * 60_000
const LEAST_AGE_MS = 30_000
const MOST_AGE_MS = 24 * 60 * 60_000
/** Fetched again when this share of that time is over, a little earlier or later: not all at once. */
const REFRESH_AT = 0.75
const SPREAD = 0.1
const BACKOFF = { baseMs: 1000, maxMs: 5 * 60_000 }
/** At a time. */
const MOST_FETCHES = 8

/** One source that is wanted. */
class Followed {
  source: KeySource
  readonly backoff: Backoff
  cancel: (() => void) | undefined
  tried = false
  /** The same for whoever waits or fetches: what is no more wanted is not told. */
  gone = false

  constructor(source: KeySource, random: () => number) {
    this.source = source
    this.backoff = new Backoff({ ...BACKOFF, random })
  }
}

export function keyStore(options: KeyStoreOptions): KeyStore {
  const { fetch, log, kept = NO_KEPT_KEYS, clock = monotonicClock, random = Math.random } = options
  const followed = new Map<string, Followed>()
  const keys = new Watched<KeysBySource>(new Map())
  const waiting: Followed[] = []
  const settling = new Set<() => void>()
  let fetching = 0
  let asked: readonly KeySource[] | undefined

  const tell = (key: string, now: FetchedKeys): void => {
    const before = keys.value.get(key)
    const same = before?.text === now.text && before?.problem?.message === now.problem?.message
    if (!before || !same) keys.set(new Map(keys.value).set(key, now))
  }
  const begin = (one: Followed): void => {
    one.cancel = undefined
    waiting.push(one)
    next()
  }
  const next = (): void => {
    while (fetching < MOST_FETCHES) {
      const one = waiting.shift()
      if (!one) return
      if (one.gone) continue
      fetching++
      void refresh(one).finally(() => {
        fetching--
        next()
      })
    }
  }
  const refresh = async (one: Followed): Promise<void> => {
    const key = sourceKey(one.source)
    let afterMs: number
    try {
      const { text, maxAgeMs } = await fetchKeys(fetch, one.source)
      if (one.gone) return
      const ageMs = Math.min(Math.max(maxAgeMs ?? DEFAULT_AGE_MS, LEAST_AGE_MS), MOST_AGE_MS)
      one.backoff.reset()
      afterMs = ageMs * (REFRESH_AT + SPREAD * (2 * random() - 1))
      tell(key, { text, problem: undefined })
    } catch (error) {
      if (one.gone) return
      const message = describeError(error)
      const text = keys.value.get(key)?.text
      log.warn('keys of an issuer could not be fetched', { source: one.source.url, reason: message })
      tell(key, { text, problem: { message, remedy: remedyOf(one.source) } })
      afterMs = one.backoff.next()
    }
    one.tried = true
    one.cancel = clock.after(afterMs, () => begin(one))
    for (const settle of settling) settle()
  }

  return {
    keys,
    want(sources) {
      if (sources === asked) return
      asked = sources
      const wanted = new Map(sources.slice(0, MOST_SOURCES).map((source) => [sourceKey(source), source]))
      const left = new Map(keys.value)
      for (const [key, one] of followed) {
        if (wanted.has(key)) continue
        one.gone = true
        one.cancel?.()
        followed.delete(key)
      }
      for (const key of left.keys()) if (!wanted.has(key)) left.delete(key)
      for (const source of sources.slice(MOST_SOURCES)) {
        const message = `more than ${MOST_SOURCES} sources of keys are named in the mesh`
        left.set(sourceKey(source), { text: undefined, problem: { message, remedy: 'name fewer' } })
      }
      let known = 0
      for (const key of wanted.keys()) {
        const text = kept.get(key)
        if (text === undefined || followed.has(key) || left.has(key)) continue
        left.set(key, { text, problem: undefined })
        known++
      }
      if (left.size !== keys.value.size || known > 0 || sources.length > MOST_SOURCES) keys.set(left)
      for (const [key, source] of wanted) {
        const known = followed.get(key)
        if (known) known.source = source
        else {
          const one = new Followed(source, random)
          followed.set(key, one)
          begin(one)
        }
      }
    },
    settled(mostMs) {
      return new Promise((resolve) => {
        const done = (): void => {
          cancel()
          settling.delete(check)
          resolve()
        }
        const check = (): void => {
          if ([...followed.values()].every(({ tried }) => tried)) done()
        }
        const cancel = clock.after(mostMs, done)
        settling.add(check)
        check()
      })
    },
    close() {
      for (const one of followed.values()) {
        one.gone = true
        one.cancel?.()
      }
      followed.clear()
    },
  }
}

/** The keys of a source, as text of a JWK Set with at least one that verifies. */
async function fetchKeys(fetch: FetchJson, { kind, url, timeoutMs }: KeySource): Promise<FetchedJson> {
  const place = kind === 'uri' ? url : await discovered(fetch, url, timeoutMs)
  const { text, maxAgeMs } = await fetch(place, timeoutMs)
  const { set, problems } = readKeySet(text)
  const whole = problems.find(({ at }) => at === undefined)
  if (whole) throw new Error(`the answer ${whole.message}`)
  const secret = problems.find((problem) => problem.secret)
  if (secret) throw new Error(`keys[${secret.at}] ${secret.message}`)
  if (set.count === 0) throw new Error('the answer holds no key that verifies signatures')
  return { text: set.text, maxAgeMs }
}

/** OpenID Connect Discovery 1.0 section 4: what an issuer says of itself must be said by that issuer. */
async function discovered(fetch: FetchJson, issuer: string, timeoutMs: number): Promise<string> {
  const place = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const { text } = await fetch(place, timeoutMs)
  let said: unknown
  try {
    said = JSON.parse(text)
  } catch {
    said = undefined
  }
  if (typeof said !== 'object' || said === null) throw new Error(`what ${place} answers is no JSON object`)
  if (!('issuer' in said) || said.issuer !== issuer)
    throw new Error(`what ${place} answers is of another issuer than ${issuer}`)
  const uri = 'jwks_uri' in said ? said.jwks_uri : undefined
  if (typeof uri !== 'string' || !URL.canParse(uri))
    throw new Error(`what ${place} answers names no jwks_uri`)
  return uri
}

function remedyOf({ kind, url }: KeySource): string {
  const place = kind === 'uri' ? url : `${url.replace(/\/$/, '')}/.well-known/openid-configuration`
  return `let the control plane reach ${place}, or write the keys into jwks`
}
