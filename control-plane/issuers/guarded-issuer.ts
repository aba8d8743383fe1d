import type { X509Certificate } from 'node:crypto'
import { pathToRoot } from '../../certs/chain.ts'
import type { TrustBundle } from '../../certs/trust-bundle.ts'
import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { Gate, type GateLimits } from '../../core/gate.ts'
import type { Logger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { CallerBackoff } from './caller-backoff.ts'
import type { CertificateRequest, Issuer, IssuerTrouble, SignedCertificate, Trust } from './issuer.ts'
import type { RemoteIssuer } from './remote-issuer.ts'
import { verifyIssued } from './verify-issued.ts'

export interface GuardOptions {
  readonly log: Logger
  readonly clock?: Clock
  readonly random?: () => number
  readonly limits?: GateLimits
  /** For an answer, from when the issuer is asked. Milliseconds. */
  readonly askMs?: number
}

/**
 * A sidecar waits 10 s for its certificate: with 8 questions at once of 50 ms each the last of 1,600 gets it in that time.
 * One namespace never has all of them.
 */
const LIMITS: GateLimits = { width: 8, widthPerSource: 6, waitingPerSource: 1024, waiting: 2048 }
const ASK_MS = 8_000
const BACKOFF = { baseMs: 500, maxMs: 60_000 }
/** So many questions in a row without an answer are an issuer that is away, and no longer slow ones. */
const MOST_TIMEOUTS = 4
/** The same failure is told again after so long. Milliseconds. */
const TELL_EVERY_MS = 60_000

/**
 * An issuer elsewhere, asked by a bounded number at once; the others wait in turns by namespace and workload. While it is
 * away nobody waits for it: all are refused at once with what is wrong, and one at a time asks whether it is back, later and
 * later with jitter. A workload whose own request it refuses or answers wrongly waits alone. Answers are held to what was asked
 * before they are handed on. What is wrong is logged once a minute at most, with the field and what to do.
 * `sign` throws WeftError `issuer.unavailable`, `issuer.timeout`, `issuer.busy`, `issuer.refused`, `issuer.wrong_answer`.
 */
export function guardedIssuer(remote: RemoteIssuer, options: GuardOptions): Issuer {
  const { log, clock = systemClock, random = Math.random, askMs = ASK_MS } = options
  const { title } = remote
  const gate = new Gate(options.limits ?? LIMITS, () =>
    failure('busy', `too many others wait for ${title}: it signs too slowly, or sidecars came all at once`),
  )
  const trust = new Watched<Trust>({ bundle: remote.bundle.value, issuing: undefined })
  const unwatch = remote.bundle.watch((bundle) => trust.set({ bundle, issuing: undefined }))
  const trouble = new Watched<IssuerTrouble | undefined>(undefined)
  const backoff = new Backoff({ ...BACKOFF, random })
  const callers = new CallerBackoff({ clock, random })
  let away: { readonly error: WeftError; readonly until: number; probed: boolean } | undefined
  let timeouts = 0
  let told = { code: '', at: Number.NEGATIVE_INFINITY, untold: 0 }

  /** Throws while it is known to be away, but for the one that asks whether it is back. */
  const requireThere = (): void => {
    if (!away) return
    const wait = away.until - clock.now()
    if (wait <= 0 && !away.probed) {
      away.probed = true
      return
    }
    const { code, message, field } = away.error
    const when = wait > 0 ? `it is asked again in ${Math.ceil(wait / 1000)} s` : 'it is being asked again now'
    throw new WeftError(code, `${message} (${when})`, {
      ...(field !== undefined && { field }),
      cause: away.error,
    })
  }

  const ask = async (
    request: CertificateRequest,
    signal: AbortSignal,
  ): Promise<readonly X509Certificate[]> => {
    signal.throwIfAborted()
    const given = new AbortController()
    const { promise, reject } = Promise.withResolvers<never>()
    const giveUp = (reason: unknown): void => {
      reject(reason as Error)
      given.abort(reason)
    }
    const gone = (): void => giveUp(signal.reason)
    signal.addEventListener('abort', gone, { once: true })
    const late = `${title} has not answered for ${askMs / 1000} s: see whether it is slow or waits for an approval`
    const cancel = clock.after(askMs, () => giveUp(failure('timeout', late)))
    try {
      // Whatever a client makes of a signal, it is not waited for.
      return await Promise.race([promise, remote.sign(request, given.signal)])
    } finally {
      cancel()
      signal.removeEventListener('abort', gone)
    }
  }

  /** A root that is new has the bundle read again, once. */
  const bundleFor = async (answer: readonly X509Certificate[]): Promise<TrustBundle> => {
    if (!pathToRoot(answer, remote.bundle.value.roots)) await remote.refresh().catch(() => {})
    return remote.bundle.value
  }

  const failed = (error: WeftError, request: CertificateRequest): void => {
    timeouts = error.code === 'issuer.timeout' ? timeouts + 1 : 0
    const late = timeouts >= MOST_TIMEOUTS || (timeouts > 0 && away !== undefined)
    let retryInMs: number
    if (late || error.code === 'issuer.unavailable') {
      retryInMs = backoff.next()
      away = { error, until: clock.now() + retryInMs, probed: false }
    } else {
      away = undefined
      retryInMs = callers.failed(keyOf(request), error)
    }
    tell(error, request, retryInMs)
  }

  const tell = (error: WeftError, { names }: CertificateRequest, retryInMs: number): void => {
    const now = clock.now()
    const reason = describeError(error)
    if (trouble.value?.reason !== reason)
      trouble.set({ code: error.code, reason, since: trouble.value?.since ?? now })
    if (told.code === error.code && now - told.at < TELL_EVERY_MS) {
      told.untold++
      return
    }
    const { untold } = told
    told = { code: error.code, at: now, untold: 0 }
    log.error('the issuer gave no certificate; those that are there are used to their end', {
      issuer: title,
      for: 'spiffeId' in names ? names.spiffeId : names.dnsNames.join(','),
      code: error.code,
      reason,
      retryInMs: Math.round(retryInMs),
      ...(untold > 0 && { alike: untold }),
    })
  }

  const worked = (request: CertificateRequest): void => {
    timeouts = 0
    away = undefined
    backoff.reset()
    callers.worked(keyOf(request))
    // Others may wait for what concerns them alone.
    if (!trouble.value || callers.waiting > 0) return
    trouble.set(undefined)
    told = { code: '', at: Number.NEGATIVE_INFINITY, untold: 0 }
    log.info('the issuer signs again', { issuer: title })
  }

  const pass = async (asked: CertificateRequest, signal: AbortSignal): Promise<SignedCertificate> => {
    signal.throwIfAborted()
    requireThere()
    const lifeMs = Math.max(asked.lifeMs, remote.shortestLifeMs)
    const request = lifeMs === asked.lifeMs ? asked : { ...asked, lifeMs }
    try {
      const answer = await ask(request, signal)
      const bundle = await bundleFor(answer)
      const chain = verifyIssued(answer, request, bundle, clock.now())
      worked(request)
      return { chain, bundle }
    } catch (error) {
      const its = error instanceof WeftError ? error : failure('unavailable', describeError(error))
      // Who asked is gone, or asked for what cannot be: that says nothing of the issuer.
      if (!signal.aborted && its.code.startsWith('issuer.')) failed(its, request)
      else if (away) away.probed = false
      throw its
    }
  }

  return {
    title,
    trust,
    trouble,
    async sign(request, signal) {
      // Nobody waits behind a question that is known to fail; who probes is chosen when its turn comes.
      if (away && (away.probed || away.until > clock.now())) requireThere()
      callers.require(keyOf(request))
      return gate.pass(request.asker, () => pass(request, signal))
    },
    close() {
      unwatch()
      remote.close()
    },
  }
}

function keyOf({ asker }: CertificateRequest): string {
  return `${asker.source}/${asker.subject}`
}

function failure(code: string, message: string): WeftError {
  return new WeftError(`issuer.${code}`, message)
}
