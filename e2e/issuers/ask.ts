import { createPublicKey } from 'node:crypto'
import { createCsr } from '../../certs/csr.ts'
import { generateKey } from '../../certs/key.ts'
import { WeftError } from '../../core/errors.ts'
import type { CertificateNames, CertificateRequest, Issuer } from '../../control-plane/issuers/issuer.ts'

export const WEB = 'spiffe://cluster.local/ns/shop/sa/web'
/** Of the control plane, for which its issuer signs too. */
export const DNS_NAMES = ['weft-control-plane.weft-system.svc', 'weft-injector.weft-system.svc'] as const

/** What a sidecar asks for, or the control plane for itself; each of `subject` is a workload that waits by itself. */
export function request(
  names: CertificateNames = { spiffeId: WEB },
  lifeMs = 3_600_000,
  subject = 'web',
): CertificateRequest {
  const key = generateKey()
  const uris = 'spiffeId' in names ? [names.spiffeId] : []
  const dns = 'dnsNames' in names ? [...names.dnsNames] : []
  return {
    csr: createCsr(key, { uri: uris, dns }),
    csrNames: { uris, dns, others: [] },
    publicKey: createPublicKey(key),
    names,
    lifeMs,
    asker: { source: 'shop', subject },
  }
}

/** What an issuer says that it should not sign. Throws where it does sign. */
export async function refusalOf(
  issuer: Issuer,
  asked: CertificateRequest,
  signal: AbortSignal,
): Promise<WeftError> {
  try {
    await issuer.sign(asked, signal)
  } catch (error) {
    if (error instanceof WeftError) return error
    throw error
  }
  throw new Error('it was signed')
}
