import { experimental, type ServerCredentials } from '@grpc/grpc-js'
import { DAY } from '../../certs/authority.ts'
import { privateKeyPem } from '../../certs/key.ts'
import { renewalDelay } from '../../certs/renewal.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { ServingCertificate } from '../../core/serving-certificate.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import type { Issuer } from '../issuers/issuer.ts'
import { certifiedServer } from '../issuers/server-request.ts'

export interface ServerCertificateOptions {
  readonly issuer: Issuer
  readonly dnsNames: readonly string[]
  readonly log: Logger
  /** Says what the first certificate waits for. */
  readonly waiting?: (reason: string) => void
  /** Ends the waiting; the promise is rejected then. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
  /** Milliseconds. Default a day. */
  readonly lifeMs?: number
  readonly random?: () => number
}

export interface ServerCertificate {
  /** For a grpc-js server: each new handshake gets the certificate of its moment, open streams stay. */
  readonly credentials: ServerCredentials
  /** The same for other servers. */
  readonly current: Watchable<ServingCertificate>
  close(): void
}

const RETRY = { baseMs: 1000, maxMs: 20_000 }

/**
 * The control plane's own certificate, from the mesh's issuer: renewed at half-life, and at once for a new CA. Waits for the
 * first one as long as the issuer gives none (`issuer.*`); throws what waiting does not mend.
 */
export async function serverCertificate(options: ServerCertificateOptions): Promise<ServerCertificate> {
  const { issuer, dnsNames, log, clock = systemClock, lifeMs = DAY, random = Math.random } = options
  const closed = new AbortController()
  const backoff = new Backoff({ ...RETRY, random })
  let cancel = () => {}
  let renewing = false
  let again = false

  const renewIn = (ms: number): void => {
    cancel()
    cancel = clock.after(ms, () => void renew())
  }
  const issue = async (signal: AbortSignal): Promise<ServingCertificate> => {
    const { key, chain } = await certifiedServer(issuer, dnsNames, lifeMs, signal)
    backoff.reset()
    const now = clock.now()
    const notAfter = chain[0]?.validToDate.getTime() ?? now
    if (!closed.signal.aborted) renewIn(renewalDelay({ notBefore: now, notAfter }, now, random()))
    return { certPem: certificatesPem(chain), keyPem: privateKeyPem(key) }
  }
  const renew = async (): Promise<void> => {
    again = renewing
    if (renewing) return
    renewing = true
    try {
      pair.set(await issue(closed.signal))
    } catch (error) {
      if (closed.signal.aborted) return
      log.error("the control plane's certificate could not be renewed", { reason: describeError(error) })
      renewIn(backoff.next())
    } finally {
      renewing = false
    }
    // The CA was replaced meanwhile.
    if (again && !closed.signal.aborted) void renew()
  }
  const first = async (): Promise<ServingCertificate> => {
    const signal = options.signal ?? closed.signal
    for (let told = ''; ;) {
      try {
        return await issue(signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof WeftError) || !error.code.startsWith('issuer.')) throw error
        const reason = `the control plane's certificate: ${describeError(error)}`
        options.waiting?.(reason)
        if (reason !== told) log.error("waiting for the control plane's certificate", { reason })
        told = reason
      }
      await pause(clock, backoff.next(), signal)
    }
  }
  const pair = new Watched<ServingCertificate>(await first())
  const unwatch = issuer.trust.watch(() => void renew())
  return {
    current: pair,
    // grpc-js names the parameters of this the other way round in its types: the first is our certificate, and
    // without the second no client is asked for one (callers prove themselves by their token).
    credentials: experimental.createCertificateProviderServerCredentials(providerOf(pair), null, false),
    close() {
      closed.abort()
      unwatch()
      cancel()
    },
  }
}

/** What grpc-js is told. */
interface Update {
  readonly certificate: Buffer
  readonly privateKey: Buffer
}

/** Rejects when it is given up. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const end = (): void => reject(signal.reason as Error)
  const cancel = clock.after(ms, resolve)
  signal.addEventListener('abort', end, { once: true })
  return promise.finally(() => {
    cancel()
    signal.removeEventListener('abort', end)
  })
}

function providerOf(pair: Watchable<ServingCertificate>) {
  const updateOf = ({ certPem, keyPem }: ServingCertificate): Update => ({
    certificate: Buffer.from(certPem),
    privateKey: Buffer.from(keyPem),
  })
  const stops = new Map<unknown, () => void>()
  return {
    addCaCertificateListener: () => {},
    removeCaCertificateListener: () => {},
    addIdentityCertificateListener(listener: (update: Update) => void) {
      stops.set(
        listener,
        pair.watch((now) => listener(updateOf(now))),
      )
      // Not at once: grpc-js begins to listen to its credentials only after this call.
      queueMicrotask(() => listener(updateOf(pair.value)))
    },
    removeIdentityCertificateListener(listener: unknown) {
      stops.get(listener)?.()
      stops.delete(listener)
    },
  }
}
