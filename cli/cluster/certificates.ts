import { X509Certificate } from 'node:crypto'

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/** The certificates of a PEM text, whatever else is in it; keys are not looked at. Skips what is no certificate. */
export function certificatesIn(pem: string): X509Certificate[] {
  return [...pem.matchAll(BLOCK)].flatMap(([block]) => {
    try {
      return [new X509Certificate(block)]
    } catch {
      return []
    }
  })
}

/** The same of an entry of a Secret, which is base64; none where there is no such entry. */
export function certificatesOfSecret(entry: string | undefined): X509Certificate[] {
  return certificatesIn(Buffer.from(entry ?? '', 'base64').toString('utf8'))
}

/**
 * Those that sign in a Secret of a CA, by the names of Weft's own and of kubernetes.io/tls: each the first of its chain, as the
 * root below it is in the bundle.
 */
export function issuingCertificates(data: Readonly<Record<string, string>>): X509Certificate[] {
  return ['issuing.pem', 'tls.crt'].flatMap((key) => certificatesOfSecret(data[key]).slice(0, 1))
}

/** Its subject, or where that is empty its names. */
export function titleOf(certificate: X509Certificate): string {
  const { subject, subjectAltName } = certificate as Partial<X509Certificate>
  return (subject || subjectAltName || 'no name').replaceAll('\n', ', ')
}

/**
 * Why a server that shows this chain is not trusted by these roots under this name, as a TLS client decides (RFC 5280
 * section 6, RFC 6125); undefined: it is.
 */
export function whyNotTrusted(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  name: string,
  now: number,
): string | undefined {
  const [leaf] = chain
  if (!leaf) return 'there is no certificate'
  for (const one of chain) {
    if (one.validToDate.getTime() <= now) return `${titleOf(one)} expired at ${one.validTo}`
    if (one.validFromDate.getTime() > now) return `${titleOf(one)} is not valid before ${one.validFrom}`
  }
  if (leaf.checkHost(name) === undefined) return `it is not for ${name}`
  const issues = (issuer: X509Certificate, subject: X509Certificate) =>
    subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
  for (const [at, subject] of chain.entries()) {
    if (roots.some((root) => issues(root, subject) && root.validToDate.getTime() > now)) return undefined
    const next = chain[at + 1]
    if (!next || !issues(next, subject)) break
  }
  return 'none of the roots leads to it'
}
