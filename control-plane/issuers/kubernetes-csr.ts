import { randomBytes, type X509Certificate } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { csrPem } from '../../certs/csr.ts'
import { oneLineName, quote } from '../../certs/printable.ts'
import { parseCertificates } from '../../certs/trust-bundle.ts'
import { Backoff } from '../../core/backoff.ts'
import { CONTROL_PLANE } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import type { BundleSource } from './bundle-source.ts'
import type { CertificateRequest } from './issuer.ts'
import type { RemoteIssuer } from './remote-issuer.ts'

export interface KubernetesCsrOptions {
  readonly connection: Pick<KubernetesConnection, 'request'>
  /** `spec.signerName` of the requests, such as `example.com/mesh`. */
  readonly signerName: string
  /** A CertificateSigningRequest tells no roots: they come from elsewhere. */
  readonly bundle: BundleSource
}

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
/** The API's own least `spec.expirationSeconds`. */
const SHORTEST_LIFE_MS = 600_000
const POLL = { baseMs: 100, maxMs: 1000 }
/** A request of a caller that has gone is not left behind. Milliseconds. */
const DELETE_MS = 5000
const LARGEST_ANSWER = 128 * 1024

/** A certificates.k8s.io/v1 CertificateSigningRequest, what is read of it. */
interface SigningRequestObject {
  readonly status?: {
    /** PEM in base64. */
    readonly certificate?: string
    readonly conditions?: readonly {
      readonly type: string
      readonly status?: string
      readonly reason?: string
      readonly message?: string
    }[]
  }
}

/**
 * The CertificateSigningRequest API with a signer of somebody else. Each certificate is an object of its own: made, waited for
 * until its signer has put the certificate into its status, and deleted. Somebody else approves, too. The request must say its names,
 * because a signer knows nothing besides.
 */
export function kubernetesCsrIssuer({ connection, signerName, bundle }: KubernetesCsrOptions): RemoteIssuer {
  const ask = async (request: Parameters<KubernetesConnection['request']>[0]): Promise<unknown> => {
    try {
      return await connection.request(request)
    } catch (error) {
      throw unavailable(error, signerName)
    }
  }

  return {
    title: `signer ${signerName}`,
    shortestLifeMs: SHORTEST_LIFE_MS,
    bundle: bundle.bundle,
    refresh: () => bundle.refresh(),
    async sign(request, signal) {
      requireNames(request)
      const name = `weft-${randomBytes(8).toString('hex')}`
      const uses = 'spiffeId' in request.names ? ['server auth', 'client auth'] : ['server auth']
      const body = {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: {
          name,
          labels: { 'app.kubernetes.io/name': 'weft', 'app.kubernetes.io/managed-by': CONTROL_PLANE },
        },
        spec: {
          request: Buffer.from(csrPem(request.csr)).toString('base64'),
          signerName,
          expirationSeconds: Math.ceil(request.lifeMs / 1000),
          usages: ['digital signature', ...uses],
        },
      }
      try {
        await ask({ method: 'POST', path: REQUESTS, body, signal })
        for (const backoff = new Backoff(POLL); ;) {
          const found = await ask({ method: 'GET', path: `${REQUESTS}/${name}`, signal })
          const chain = signedChain(found as SigningRequestObject, signerName)
          if (chain) return chain
          await delay(backoff.next(), undefined, { signal })
        }
      } finally {
        // What was signed is in hand, and what was not is asked for anew. Kubernetes deletes what this misses within a day.
        void connection
          .request({ method: 'DELETE', path: `${REQUESTS}/${name}`, timeoutMs: DELETE_MS })
          .catch(() => {})
      }
    },
    close: () => bundle.close(),
  }
}

function requireNames({ csrNames, names }: CertificateRequest): void {
  if ('dnsNames' in names || csrNames.uris.includes(names.spiffeId)) return
  throw new WeftError(
    'csr.no_name',
    `the CSR does not say ${names.spiffeId}, and a Kubernetes signer certifies what a CSR says: restart the pod, so that it gets a sidecar of this release`,
  )
}

/** Undefined while it is pending. Throws WeftError `issuer.refused`, `issuer.wrong_answer`. */
function signedChain(
  { status = {} }: SigningRequestObject,
  signerName: string,
): readonly X509Certificate[] | undefined {
  for (const { type, status: holds = 'True', reason = '', message = '' } of status.conditions ?? []) {
    if (holds !== 'True' || (type !== 'Denied' && type !== 'Failed')) continue
    const who = type === 'Denied' ? 'an approver denied the request' : `${signerName} could not sign`
    throw new WeftError('issuer.refused', `${who}: ${quote(`${reason}: ${message}`, 300)}`, {
      field: `status.conditions[${type}]`,
    })
  }
  const { certificate } = status
  if (certificate === undefined || certificate === '') return undefined
  try {
    if (certificate.length > LARGEST_ANSWER)
      throw new WeftError('issuer.wrong_answer', `has ${certificate.length} bytes, at most ${LARGEST_ANSWER}`)
    return parseCertificates(Buffer.from(certificate, 'base64').toString(), signerName)
  } catch (error) {
    throw new WeftError('issuer.wrong_answer', `${describeError(error)}: see what ${signerName} logs`, {
      field: 'status.certificate',
    })
  }
}

function unavailable(error: unknown, signerName: string): unknown {
  if (!(error instanceof KubernetesError)) return error
  const remedy =
    error.status === 403
      ? ': the chart gives the right with controlPlane.issuer.kind: kubernetes-csr'
      : error.status === 404
        ? ': somebody deleted it before it was signed'
        : ''
  const code = error.status === 404 || error.status === 422 ? 'issuer.refused' : 'issuer.unavailable'
  return new WeftError(code, `${signerName}: ${oneLineName(error.message)}${remedy}`, { cause: error })
}
