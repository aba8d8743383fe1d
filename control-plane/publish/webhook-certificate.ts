import type { X509Certificate } from 'node:crypto'
import { DAY } from '../../certs/authority.ts'
import { isSignedBy, pathToRoot } from '../../certs/chain.ts'
import { parsePrivateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem, parseCertificates } from '../../certs/trust-bundle.ts'
import type { Issuer, Trust } from '../issuers/issuer.ts'
import { certifiedServer } from '../issuers/server-request.ts'

/** As it stands in a Secret of type kubernetes.io/tls. */
export interface TlsPair {
  readonly 'tls.crt': string
  readonly 'tls.key': string
}

export const WEBHOOK_LIFE = 30 * DAY

/**
 * When the pair has to be replaced, milliseconds; 0 for at once: it cannot be read, has other names, or was not signed
 * by the CA that signs now (where that is known only to the issuer: leads to no root of the bundle). It is 2/5 of its life.
 */
export function renewAt(
  pair: Partial<TlsPair>,
  dnsNames: readonly string[],
  { issuing, bundle }: Trust,
): number {
  const chain = readPair(pair)
  const [leaf, above] = chain ?? []
  if (!leaf || dnsNames.some((name) => leaf.checkHost(name, { subject: 'never' }) === undefined)) return 0
  if (issuing) {
    if (!isSignedBy(leaf, issuing.certificate)) return 0
    // Whoever has only a root of the bundle needs what is between.
    if (above?.fingerprint256 !== issuing.chain[0]?.fingerprint256) return 0
  } else if (!pathToRoot(chain ?? [], bundle.roots)) return 0
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()]
  return from + (to - from) * 0.4
}

/** Throws WeftError `ca.*`, `issuer.*`. */
export async function issueWebhookPair(
  issuer: Issuer,
  dnsNames: readonly string[],
  signal: AbortSignal,
): Promise<TlsPair> {
  // Only a CA of our own signs for longer than a workload's certificate lives.
  const lifeMs = issuer.trust.value.issuing ? WEBHOOK_LIFE : DAY
  const { key, chain } = await certifiedServer(issuer, dnsNames, lifeMs, signal)
  return { 'tls.crt': certificatesPem(chain), 'tls.key': privateKeyPem(key) }
}

function readPair(pair: Partial<TlsPair>): X509Certificate[] | undefined {
  try {
    const chain = parseCertificates(pair['tls.crt'] ?? '', 'tls.crt')
    const key = parsePrivateKey(pair['tls.key'] ?? '', 'tls.key')
    return chain[0]?.checkPrivateKey(key) ? chain : undefined
  } catch {
    return undefined
  }
}
