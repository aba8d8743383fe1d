import type { X509Certificate } from 'node:crypto'
import { DAY, issueWorkload, LEAF_LIFE } from '../../../certs/authority.ts'
import type { Authority } from '../../../certs/authority.ts'
import { verifyCsr, type VerifiedCsr } from '../../../certs/csr-verify.ts'
import { quote } from '../../../certs/printable.ts'
import { workloadId } from '../../../certs/spiffe-id.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Caller } from '../tokens/claims.ts'

export interface SignOptions {
  readonly authority: Authority
  /** As the token proved it. */
  readonly caller: Caller
  /** PKCS #10 in DER. */
  readonly csr: Uint8Array
  /** 0: the default. */
  readonly ttlMs: number
  readonly now: number
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
 * Signs a request for the identity of its caller. A request that names any other is refused rather than corrected,
 * because its sender expects something else than it would get. Throws WeftError `csr.*`, `ca.*`.
 */
export function signCsr(options: SignOptions): { chain: readonly X509Certificate[]; spiffeId: string } {
  const { authority, now, defaultLifeMs = LEAF_LIFE, longestLifeMs = DAY } = options
  const csr = verifyCsr(options.csr)
  const spiffeId = identityOf(csr, options)
  checkIdentity(csr, spiffeId)
  const refusal = options.refusal?.(spiffeId)
  if (refusal !== undefined) throw new WeftError('csr.revoked', refusal)
  const wanted = options.ttlMs === 0 ? defaultLifeMs : options.ttlMs
  const lifeMs = Math.max(Math.min(wanted, longestLifeMs), SHORTEST_LIFE)
  const { chain } = issueWorkload(authority.credentials, { spiffeId, publicKey: csr.publicKey, now, lifeMs })
  return { chain, spiffeId }
}

/** In the trust domain that the request names, if it is a name of the mesh's: a pod keeps the one that it began with. */
function identityOf(csr: VerifiedCsr, { authority, caller, aliases = [] }: SignOptions): string {
  const named = (domain: string) => workloadId(domain, caller.namespace, caller.serviceAccount)
  return aliases.map(named).find((id) => csr.names.uris.includes(id)) ?? named(authority.trustDomain)
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
