import { readTextFile } from '../../certs/private-file.ts'
import { freshRenewalDelay, isValidAt, renewalDelay } from '../../certs/renewal.ts'
import { mergeBundles, parseTrustBundle, sameBundle } from '../../certs/trust-bundle.ts'
import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { checkExpectation, checkSecrets, type SecretParts } from './read-secrets.ts'
import type { Identity, Secrets } from './secrets.ts'
import type { ControlPlaneEndpoint } from './control-plane-client.ts'
import { requestCertificate } from './sign-request.ts'
import { stateFile } from './state-file.ts'
import { watchFiles } from './watched-file.ts'

export interface IdentityOptions extends ControlPlaneEndpoint {
  /** A tmpfs directory of this pod: key, chain and bundle are kept in it for a restart. */
  readonly stateDir: string
  readonly trustDomain: string
  /** The identity that this workload must have; undefined takes what the control plane gives. */
  readonly spiffeId?: string
  readonly log: Logger
  readonly clock?: Clock
  /** 0 leaves it to the control plane. */
  readonly ttlSeconds?: number
  readonly random?: () => number
  /** Replaces the call to the control plane. */
  readonly request?: (signal: AbortSignal) => Promise<SecretParts>
}

const BUNDLE_CHECK_MS = 10_000
/** Sidecars that see a new bundle at once must not all ask for a certificate at once. */
const BUNDLE_RENEWAL_SPREAD_MS = 10_000

/**
 * This workload's certificate, from the control plane. Begins with what a former process left, if that is still
 * good, so that a restart needs no control plane; renews at half-life, with a new key each time; follows the trust
 * bundle. Failures are logged and repeated for ever. Throws WeftError for options that can't be right.
 */
export function createIdentity(options: IdentityOptions): Identity {
  const { log, clock = systemClock, random = Math.random, trustDomain, spiffeId } = options
  checkExpectation(trustDomain, spiffeId)
  const request =
    options.request ??
    ((signal) => requestCertificate(options, { ttlSeconds: options.ttlSeconds ?? 0, spiffeId }, signal))
  const state = stateFile(options.stateDir)
  const secrets = new Watched<Secrets | undefined>(undefined)
  const backoff = new Backoff({ baseMs: 100, maxMs: 10_000, random })
  const closed = new AbortController()
  let cancelTimer = () => {}
  let stopWatching = () => {}
  let renewing = false
  let again = false

  const expected = () => ({ trustDomain, spiffeId, now: clock.now() })

  const renewIn = (ms: number) => {
    cancelTimer()
    cancelTimer = clock.after(ms, () => void renew())
  }

  const renew = async (): Promise<void> => {
    if (renewing) {
      again = true
      return
    }
    renewing = true
    again = false
    try {
      const parts = await request(closed.signal)
      if (closed.signal.aborted) return
      const fresh = checkSecrets(parts, expected(), "the control plane's answer")
      backoff.reset()
      keep(fresh)
      log.info('certificate renewed', {
        spiffeId: fresh.spiffeId,
        notAfter: new Date(fresh.notAfter).toISOString(),
      })
      secrets.set(fresh)
      const now = clock.now()
      const draw = random()
      if (renewalDelay(fresh, now, draw) === 0)
        log.warn(
          'a new certificate is past half of its life: the clock here is ahead, or that of its issuer behind',
          {
            clock: new Date(now).toISOString(),
            notBefore: new Date(fresh.notBefore).toISOString(),
            notAfter: new Date(fresh.notAfter).toISOString(),
          },
        )
      renewIn(again ? 0 : freshRenewalDelay(fresh, now, draw))
    } catch (error) {
      if (closed.signal.aborted) return
      const wait = backoff.next()
      complain(error, wait)
      renewIn(wait)
    } finally {
      renewing = false
    }
  }

  const complain = (error: unknown, waitMs: number) => {
    const now = secrets.value
    const fields = {
      reason: describeError(error),
      code: error instanceof WeftError ? error.code : 'unknown',
      retryInMs: Math.round(waitMs),
      ...(now && { validUntil: new Date(now.notAfter).toISOString() }),
    }
    if (!now) log.warn('no certificate yet', fields)
    else if (isValidAt(now, clock.now())) log.warn('certificate not renewed, the present one goes on', fields)
    else log.error('the certificate has expired and is not renewed', fields)
  }

  const keep = (fresh: Secrets) => {
    try {
      state.save(fresh)
    } catch (error) {
      log.error('the certificate could not be kept for a restart', { reason: describeError(error) })
    }
  }

  const loadKept = () => {
    try {
      const kept = state.load(expected())
      if (!kept) return
      log.info('certificate of the former process in use', {
        spiffeId: kept.spiffeId,
        validUntil: new Date(kept.notAfter).toISOString(),
      })
      secrets.set(kept)
    } catch (error) {
      log.warn('the kept certificate is not used', { reason: describeError(error) })
    }
  }

  /** The mounted bundle changed: trust the union at once, and ask for a certificate, whose answer then decides. */
  const bundleChanged = () => {
    const now = secrets.value
    try {
      const mounted = parseTrustBundle(readTextFile(options.caBundlePath) ?? '', options.caBundlePath)
      if (now) {
        const known = parseTrustBundle(now.bundlePem, 'trust bundle in use')
        const sameRoots = sameBundle(known, mounted)
        // The first one signs: whoever bears a certificate of another needs one of it before that other is retired.
        if (sameRoots && known.roots[0]?.fingerprint256 === mounted.roots[0]?.fingerprint256) return
        const merged = Object.freeze({ ...now, bundlePem: mergeBundles(known, mounted).pem })
        if (!sameRoots) {
          keep(merged)
          secrets.set(merged)
        }
      }
      log.info('trust bundle changed', { roots: mounted.roots.length })
      renewIn(now ? random() * BUNDLE_RENEWAL_SPREAD_MS : 0)
    } catch (error) {
      log.error('the changed trust bundle is not used', { reason: describeError(error) })
    }
  }

  return {
    secrets,
    start() {
      loadKept()
      stopWatching = watchFiles([options.caBundlePath], clock, BUNDLE_CHECK_MS, bundleChanged)
      const kept = secrets.value
      if (kept) renewIn(renewalDelay(kept, clock.now(), random()))
      else void renew()
    },
    renew: () => void renew(),
    close() {
      closed.abort()
      cancelTimer()
      stopWatching()
    },
  }
}
