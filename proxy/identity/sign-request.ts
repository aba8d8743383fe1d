import type { X509Certificate } from 'node:crypto'
import { createCsr } from '../../certs/csr.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { clockHere } from '../../certs/peer.ts'
import { parseCertificate, trustBundle } from '../../certs/trust-bundle.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { Signing, type SignResponse } from '../../core/xds/generated/weft.js'
import { openControlPlane, type ControlPlaneEndpoint } from './control-plane-client.ts'
import type { SecretParts } from './read-secrets.ts'

const DEADLINE_MS = 10_000

/**
 * Makes a key and has it certified. The key leaves this function only in its result. `ttlSeconds` 0 leaves the
 * lifetime to the control plane. The request says which identity it is for, where that is known: some issuers certify only what
 * a request says. Throws WeftError `identity.token`, `identity.refused` (a retry alone won't help),
 * `identity.unreachable`, `identity.bad_answer`, `bundle.*`, `file.*`.
 */
export async function requestCertificate(
  endpoint: ControlPlaneEndpoint,
  { ttlSeconds, spiffeId }: { readonly ttlSeconds: number; readonly spiffeId: string | undefined },
  signal: AbortSignal,
): Promise<SecretParts> {
  const key = generateKey()
  const csr = createCsr(key, spiffeId === undefined ? {} : { uri: [spiffeId] })
  const answer = await call(endpoint, { csr, ttlSeconds, signal })
  const chain = certificates(answer.certificateChain, 'certificate_chain')
  const bundle = trustBundle(
    certificates(answer.trustBundle, 'trust_bundle'),
    'the trust bundle of the control plane',
  )
  return { chain, key, privateKeyPem: privateKeyPem(key), bundle }
}

interface Call {
  readonly csr: Buffer
  readonly ttlSeconds: number
  readonly signal: AbortSignal
}

/** One connection for one call: it is needed twice a day, and the roots may have changed in between. */
async function call(
  endpoint: ControlPlaneEndpoint,
  { csr, ttlSeconds, signal }: Call,
): Promise<SignResponse> {
  const { client, metadata } = await openControlPlane(endpoint)
  const { path, requestSerialize, responseDeserialize } = Signing.sign
  try {
    signal.throwIfAborted()
    return await new Promise<SignResponse>((resolve, reject) => {
      const running = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { csr, ttlSeconds },
        metadata,
        { deadline: Date.now() + DEADLINE_MS },
        (error, response) => {
          if (response) resolve(response)
          else reject(refusal(error, endpoint))
        },
      )
      signal.addEventListener('abort', () => running.cancel(), { once: true })
    })
  } finally {
    client.close()
  }
}

// gRPC statuses by which the control plane says no to this very request.
const REFUSED = new Map([
  [3, 'INVALID_ARGUMENT'],
  [7, 'PERMISSION_DENIED'],
  [9, 'FAILED_PRECONDITION'],
  [16, 'UNAUTHENTICATED'],
])

function refusal(error: unknown, endpoint: ControlPlaneEndpoint): WeftError {
  const { code, details } = (error ?? {}) as { code?: number; details?: string }
  const name = REFUSED.get(code ?? -1)
  if (name) return new WeftError('identity.refused', `the control plane refused to sign: ${name}: ${details}`)
  return new WeftError(
    'identity.unreachable',
    `no certificate from ${endpoint.address} as ${endpoint.serverName}: ${withClock(details ?? describeError(error))}`,
  )
}

/** TLS says that a certificate is not valid by the clock, and not what that clock says. */
function withClock(why: string): string {
  return /certificate (?:is not yet valid|has expired)/.test(why) ? `${why}, ${clockHere(Date.now())}` : why
}

function certificates(list: readonly Uint8Array[] | undefined, field: string): X509Certificate[] {
  if (!list || list.length === 0) {
    throw new WeftError('identity.bad_answer', 'the control plane answered without certificates', { field })
  }
  return list.map((der, index) => parseCertificate(der, `${field}[${index}] of the control plane's answer`))
}
