import { createPublicKey, X509Certificate } from 'node:crypto'
import { DAY, issueServer } from '../../certs/authority.ts'
import type { Authority } from '../../certs/authority.ts'
import { generateKey, parsePrivateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem, parseCertificates } from '../../certs/trust-bundle.ts'

/** As it stands in a Secret of type kubernetes.io/tls. */
export interface TlsPair {
  readonly 'tls.crt': string
  readonly 'tls.key': string
}

export const WEBHOOK_LIFE = 30 * DAY

/**
 * When the pair has to be replaced, milliseconds; 0 for at once: it cannot be read, has other names, or was not signed
 * by the CA that signs now. It is 2/5 of its life.
 */
export function renewAt(pair: Partial<TlsPair>, dnsNames: readonly string[], authority: Authority): number {
  const chain = readPair(pair)
  const [leaf, above] = chain ?? []
  if (!leaf || dnsNames.some((name) => leaf.checkHost(name, { subject: 'never' }) === undefined)) return 0
  const { certificate, chain: issuers } = authority.credentials
  if (!leaf.checkIssued(certificate) || !leaf.verify(certificate.publicKey)) return 0
  // Whoever has only a root of the bundle needs what is between.
  if (above?.fingerprint256 !== issuers[0]?.fingerprint256) return 0
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()]
  return from + (to - from) * 0.4
}

/** Throws WeftError `ca.*`. */
export function issueWebhookPair(authority: Authority, dnsNames: readonly string[], now: number): TlsPair {
  const key = generateKey()
  const { chain } = issueServer(authority.credentials, {
    dnsNames,
    publicKey: createPublicKey(key),
    now,
    lifeMs: WEBHOOK_LIFE,
  })
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
