import { createPublicKey } from 'node:crypto'
import { experimental, type ServerCredentials } from '@grpc/grpc-js'
import { issueServer } from '../../certs/authority.ts'
import type { Authority } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { renewalDelay } from '../../certs/renewal.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched, type Watchable } from '../../core/watched.ts'

export interface ServerCertificateOptions {
  readonly authority: Watchable<Authority>
  readonly dnsNames: readonly string[]
  readonly log: Logger
  readonly clock?: Clock
  /** Milliseconds. Default a day. */
  readonly lifeMs?: number
}

export interface ServerCertificate {
  /** For a grpc-js server: each new handshake gets the certificate of its moment, open streams stay. */
  readonly credentials: ServerCredentials
  close(): void
}

const RETRY_MS = 10_000

interface Pair {
  readonly certificate: Buffer
  readonly privateKey: Buffer
}

/** The control plane's own certificate, signed by its own CA: renewed at half-life, and at once for a new CA. */
export function serverCertificate(options: ServerCertificateOptions): ServerCertificate {
  const { authority, dnsNames, log, clock = systemClock, lifeMs } = options
  let cancel = () => {}

  const issue = (): Pair => {
    const key = generateKey()
    const now = clock.now()
    const { chain } = issueServer(authority.value.credentials, {
      dnsNames,
      publicKey: createPublicKey(key),
      now,
      ...(lifeMs === undefined ? {} : { lifeMs }),
    })
    const [leaf] = chain
    const notAfter = leaf ? Date.parse(leaf.validTo) : now
    cancel()
    cancel = clock.after(renewalDelay({ notBefore: now, notAfter }, now, Math.random()), renew)
    return { certificate: Buffer.from(certificatesPem(chain)), privateKey: Buffer.from(privateKeyPem(key)) }
  }
  const renew = (): void => {
    try {
      pair.set(issue())
    } catch (error) {
      log.error("the control plane's certificate could not be renewed", { reason: describeError(error) })
      cancel()
      cancel = clock.after(RETRY_MS, renew)
    }
  }
  const pair = new Watched<Pair>(issue())
  const unwatch = authority.watch(renew)
  return {
    // grpc-js names the parameters of this the other way round in its types: the first is our certificate, and
    // without the second no client is asked for one (callers prove themselves by their token).
    credentials: experimental.createCertificateProviderServerCredentials(providerOf(pair), null, false),
    close() {
      unwatch()
      cancel()
    },
  }
}

function providerOf(pair: Watchable<Pair>) {
  const stops = new Map<unknown, () => void>()
  return {
    addCaCertificateListener: () => {},
    removeCaCertificateListener: () => {},
    addIdentityCertificateListener(listener: (update: Pair) => void) {
      stops.set(listener, pair.watch(listener))
      // Not at once: grpc-js begins to listen to its credentials only after this call.
      queueMicrotask(() => listener(pair.value))
    },
    removeIdentityCertificateListener(listener: unknown) {
      stops.get(listener)?.()
      stops.delete(listener)
    },
  }
}
