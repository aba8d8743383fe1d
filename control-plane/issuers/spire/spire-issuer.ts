import { createPrivateKey, X509Certificate } from 'node:crypto'
import { sameAuthority, type Authority } from '../../../certs/authority.ts'
import { createCsr } from '../../../certs/csr.ts'
import { derSequences } from '../../../certs/der.ts'
import { readIssuer } from '../../../certs/issuer.ts'
import { generateKey, privateKeyPem } from '../../../certs/key.ts'
import { freshRenewalDelay } from '../../../certs/renewal.ts'
import { certificatesPem } from '../../../certs/trust-bundle.ts'
import { Backoff } from '../../../core/backoff.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { describeError, WeftError } from '../../../core/errors.ts'
import type { HostPort } from '../../../core/flags.ts'
import type { Logger } from '../../../core/log.ts'
import { Watched } from '../../../core/watched.ts'
import type { Issuer, IssuerTrouble } from '../issuer.ts'
import { authorityIssuer } from '../own-ca.ts'
import type { X509Svid } from './messages.ts'
import { newDownstreamCa } from './server-api.ts'
import { followSvid } from './workload-api.ts'

export interface SpireIssuerOptions {
  readonly agentSocket: string
  readonly server: HostPort
  readonly trustDomain: string
  readonly dnsNames: readonly string[]
  readonly log: Logger
  /** Ends the waiting for the first CA; the promise is rejected then. */
  readonly signal: AbortSignal
  readonly waiting: (reason: string) => void
  readonly clock?: Clock
}

const RETRY = { baseMs: 1000, maxMs: 60_000 }

/**
 * SPIRE as the authority above the mesh: the control plane has an entry with `-downstream`, gets an intermediate CA for a key of
 * its own from SPIRE's server, as a nested SPIRE server does, and signs with it. So a SPIRE that is away costs nothing until that CA ends,
 * and a sidecar's certificate costs SPIRE nothing. The CA is renewed at half of its life, and when SPIRE's roots change.
 */
export async function spireIssuer(options: SpireIssuerOptions): Promise<Issuer> {
  const { agentSocket, server, log, signal, waiting, clock = systemClock } = options
  const title = `SPIRE ${server.host}:${server.port}`
  const trouble = new Watched<IssuerTrouble | undefined>(undefined)
  const first = Promise.withResolvers<Authority>()
  const backoff = new Backoff(RETRY)
  let authority: Watched<Authority> | undefined
  let svid: X509Svid | undefined
  let cancel = () => {}
  let running = false
  let again = false
  let closed = false

  const failed = (error: unknown): void => {
    const { code } = error instanceof WeftError ? error : { code: 'issuer.unavailable' }
    const reason = describeError(error)
    if (!authority) waiting(`a CA from SPIRE: ${reason}`)
    if (trouble.value?.reason === reason) return
    trouble.set({ code, reason, since: trouble.value?.since ?? clock.now() })
    const validUntil = authority?.value.credentials.certificate.validToDate.toISOString()
    log.error(validUntil ? 'SPIRE gave no CA; the one that is there signs to its end' : 'SPIRE gave no CA', {
      reason,
      ...(validUntil && { validUntil }),
    })
  }
  const renewIn = (ms: number): void => {
    cancel()
    cancel = clock.after(ms, () => void renew())
  }
  const renew = async (): Promise<void> => {
    again = running
    if (running || !svid || closed) return
    running = true
    try {
      const fresh = await newAuthority(svid, options, clock.now())
      if (closed) return
      backoff.reset()
      const { certificate } = fresh.credentials
      const validity = {
        notBefore: certificate.validFromDate.getTime(),
        notAfter: certificate.validToDate.getTime(),
      }
      renewIn(freshRenewalDelay(validity, clock.now(), Math.random()))
      log.info('SPIRE gave a CA', { issuer: title, notAfter: certificate.validToDate.toISOString() })
      trouble.set(undefined)
      if (!authority) first.resolve(fresh)
      else if (!sameAuthority(fresh, authority.value)) authority.set(fresh)
    } catch (error) {
      if (closed) return
      failed(error)
      renewIn(backoff.next())
    } finally {
      running = false
    }
    if (again) void renew()
  }
  const unfollow = followSvid({
    socket: agentSocket,
    clock,
    onSvid(fresh) {
      const rotated = svid !== undefined && Buffer.compare(svid.bundle, fresh.bundle) !== 0
      const begins = svid === undefined || trouble.value !== undefined
      svid = fresh
      if (rotated || begins) void renew()
    },
    onError(error) {
      // While its SVID is good the CA is renewed with it.
      if (!svid || new X509Certificate(leafOf(svid)).validToDate.getTime() <= clock.now()) failed(error)
      else log.warn("SPIRE's agent is away", { reason: error.message })
    },
  })
  const close = (): void => {
    closed = true
    cancel()
    unfollow()
  }
  const end = (): void => first.reject(signal.reason as Error)
  signal.addEventListener('abort', end, { once: true })
  try {
    signal.throwIfAborted()
    authority = new Watched(await first.promise)
  } catch (error) {
    close()
    throw error
  } finally {
    signal.removeEventListener('abort', end)
  }
  return authorityIssuer(title, authority, { clock, trouble, close })
}

function leafOf({ x509Svid }: X509Svid): Uint8Array {
  const [leaf] = derSequences(x509Svid, 'x509_svid')
  if (!leaf)
    throw new WeftError('issuer.wrong_answer', "is empty: see what SPIRE's agent logs", {
      field: 'x509_svid',
    })
  return leaf
}

/** A key, and SPIRE's certificate of it as a CA. Throws WeftError `issuer.*`. */
async function newAuthority(
  svid: X509Svid,
  { server, trustDomain, dnsNames }: SpireIssuerOptions,
  now: number,
): Promise<Authority> {
  const pem = (ders: readonly Uint8Array[]) => certificatesPem(ders.map((der) => new X509Certificate(der)))
  const roots = pem(derSequences(svid.bundle, 'bundle'))
  const key = generateKey()
  const { caCertChain, x509Authorities } = await newDownstreamCa({
    server,
    trustDomain,
    own: {
      certificate: pem(derSequences(svid.x509Svid, 'x509_svid')),
      key: privateKeyPem(
        createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' }),
      ),
      roots,
    },
    csr: createCsr(key, { uri: [`spiffe://${trustDomain}`] }),
  })
  const files = {
    'tls.crt': pem(caCertChain),
    'tls.key': privateKeyPem(key),
    'ca.crt': x509Authorities.length > 0 ? pem(x509Authorities) : roots,
  }
  return readIssuer(files, { trustDomain, dnsNames, now, source: "SPIRE's answer" })
}
