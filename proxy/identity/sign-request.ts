import { createSecureContext } from 'node:tls'
import type { X509Certificate } from 'node:crypto'
import { createCsr } from '../../certs/csr.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { readTextFile } from '../../certs/private-file.ts'
import { parseCertificate, parseTrustBundle, trustBundle } from '../../certs/trust-bundle.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { Signing, type SignResponse } from '../../core/xds/generated/weft.js'
import type { SecretParts } from './read-secrets.ts'

export interface SigningEndpoint {
  /** `host:port` of the control plane. */
  readonly address: string
  /** DNS name in its certificate. */
  readonly serverName: string
  /** Roots that its certificate must lead to; read anew for every call. */
  readonly caBundlePath: string
  /** The service account token; Kubernetes replaces the file, so that it is read anew for every call. */
  readonly tokenPath: string
}

const DEADLINE_MS = 10_000

/**
 * Makes a key and has it certified. The key leaves this function only in its result. `ttlSeconds` 0 leaves the
 * lifetime to the control plane. Throws WeftError `identity.token`, `identity.refused` (a retry alone won't help),
 * `identity.unreachable`, `identity.bad_answer`, `bundle.*`, `file.*`.
 */
export async function requestCertificate(
  endpoint: SigningEndpoint,
  ttlSeconds: number,
  signal: AbortSignal,
): Promise<SecretParts> {
  const token = readToken(endpoint.tokenPath)
  const bundleText = readTextFile(endpoint.caBundlePath)
  if (bundleText === undefined) {
    throw new WeftError('file.read', `the trust bundle ${endpoint.caBundlePath} is not there`)
  }
  const ca = parseTrustBundle(bundleText, endpoint.caBundlePath).pem
  const key = generateKey()
  const answer = await call(endpoint, { token, ca, csr: createCsr(key), ttlSeconds, signal })
  const chain = certificates(answer.certificateChain, 'certificate_chain')
  const bundle = trustBundle(
    certificates(answer.trustBundle, 'trust_bundle'),
    'the trust bundle of the control plane',
  )
  return { chain, key, privateKeyPem: privateKeyPem(key), bundle }
}

interface Call {
  readonly token: string
  readonly ca: string
  readonly csr: Buffer
  readonly ttlSeconds: number
  readonly signal: AbortSignal
}

/** One connection for one call: it is needed twice a day, and the roots may have changed in between. */
async function call(
  endpoint: SigningEndpoint,
  { token, ca, csr, ttlSeconds, signal }: Call,
): Promise<SignResponse> {
  // Loaded when needed: a proxy that runs alone never does.
  const grpc = await import('@grpc/grpc-js')
  signal.throwIfAborted()
  const credentials = grpc.credentials.createFromSecureContext(
    createSecureContext({ ca, minVersion: 'TLSv1.3' }),
  )
  const client = new grpc.Client(endpoint.address, credentials, {
    'grpc.ssl_target_name_override': endpoint.serverName,
    'grpc.default_authority': endpoint.serverName,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
  })
  const metadata = new grpc.Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  const { path, requestSerialize, responseDeserialize } = Signing.sign
  try {
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

function refusal(error: unknown, endpoint: SigningEndpoint): WeftError {
  const { code, details } = (error ?? {}) as { code?: number; details?: string }
  const name = REFUSED.get(code ?? -1)
  if (name) return new WeftError('identity.refused', `the control plane refused to sign: ${name}: ${details}`)
  return new WeftError(
    'identity.unreachable',
    `no certificate from ${endpoint.address} as ${endpoint.serverName}: ${details ?? describeError(error)}`,
  )
}

function readToken(path: string): string {
  const token = readTextFile(path, 64 * 1024)?.trim()
  if (token) return token
  throw new WeftError('identity.token', `the service account token ${path} is not there or empty`)
}

function certificates(list: readonly Uint8Array[] | undefined, field: string): X509Certificate[] {
  if (!list || list.length === 0) {
    throw new WeftError('identity.bad_answer', 'the control plane answered without certificates', { field })
  }
  return list.map((der, index) => parseCertificate(der, `${field}[${index}] of the control plane's answer`))
}
