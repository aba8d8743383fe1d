import { DAY, LEAF_LIFE } from '../../../certs/authority.ts'
import { verifyCsr, type VerifiedCsr } from '../../../certs/csr-verify.ts'
import { quote } from '../../../certs/printable.ts'
import { workloadId } from '../../../certs/spiffe-id.ts'
import { WeftError } from '../../../core/errors.ts'
import type { CertificateRequest } from '../../issuers/issuer.ts'
import type { Caller } from '../tokens/claims.ts'

export interface SignOptions {
  readonly trustDomain: string
  /** As the token proved it. */
  readonly caller: Caller
  /** PKCS #10 in DER. */
  readonly csr: Uint8Array
  /** 0: the default. */
  readonly ttlMs: number
  /** Other names of the trust domain, in any of which its caller may ask for its identity. */
  readonly aliases?: readonly string[] | undefined
  /** Why nothing is signed for an identity; undefined: it may be. */
  readonly refusal?: ((spiffeId: string) => string | undefined) | undefined
  readonly defaultLifeMs?: number | undefined
  readonly longestLifeMs?: number | undefined
}

/** Under this a certificate would be over before it is in use. */
const SHORTEST_LIFE = 1000

/**
 * What an issuer is asked for on behalf of a caller: a certificate of the caller's own identity. A request that names any
 * other is refused rather than corrected, because its sender expects something else than it would get. Throws WeftError
 * `csr.*`.
 */
export function certificateRequest(
  options: SignOptions,
): CertificateRequest & { readonly names: { readonly spiffeId: string } } {
  const { caller, defaultLifeMs = LEAF_LIFE, longestLifeMs = DAY } = options
  const csr = verifyCsr(options.csr)
  const spiffeId = identityOf(csr, options)
  checkIdentity(csr, spiffeId)
  const refusal = options.refusal?.(spiffeId)
  if (refusal !== undefined) throw new WeftError('csr.revoked', refusal)
  const wanted = options.ttlMs === 0 ? defaultLifeMs : options.ttlMs
  const lifeMs = Math.max(Math.min(wanted, longestLifeMs), SHORTEST_LIFE)
  return {
    csr: options.csr,
    csrNames: csr.names,
    publicKey: csr.publicKey,
    names: { spiffeId },
    lifeMs,
    asker: { source: caller.namespace, subject: caller.pod?.name ?? caller.serviceAccount },
  }
}

/** In the trust domain that the request names, if it is a name of the mesh's: a pod keeps the one that it began with. */
function identityOf(csr: VerifiedCsr, { trustDomain, caller, aliases = [] }: SignOptions): string {
  const named = (domain: string) => workloadId(domain, caller.namespace, caller.serviceAccount)
  return aliases.map(named).find((id) => csr.names.uris.includes(id)) ?? named(trustDomain)
}

function checkIdentity(csr: VerifiedCsr, own: string): void {
  const { uris, dns, others } = csr.names
  const asked = [...uris, ...dns.map((name) => `DNS ${name}`), ...others]
  if (csr.subject !== '' && csr.subject !== `CN=${own}`) asked.push(csr.subject)
  const foreign = asked.find((name) => name !== own)
  if (foreign !== undefined) {
    throw new WeftError(
      'csr.other_identity',
      `the CSR asks for ${quote(foreign)}, but the token is of ${own}`,
    )
  }
}
