import type { X509Certificate } from 'node:crypto'

/**
 * From the first certificate of `chain` up to one of the roots, which is its last, as it stands in `roots`; undefined if
 * there is no way. Each certificate of the chain must be signed by the next one, and what follows a root is left out.
 */
export function pathToRoot(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const path: X509Certificate[] = []
  for (const [at, one] of chain.entries()) {
    const same = roots.find((root) => root.fingerprint256 === one.fingerprint256)
    if (same) return [...path, same]
    path.push(one)
    const root = roots.find((candidate) => isSignedBy(one, candidate))
    if (root) return [...path, root]
    const next = chain[at + 1]
    if (!next || !isSignedBy(one, next)) return undefined
  }
  return undefined
}

/** Whether `ca` is named as the issuer, and its key made the signature. */
export function isSignedBy(certificate: X509Certificate, ca: X509Certificate): boolean {
  return certificate.checkIssued(ca) && certificate.verify(ca.publicKey)
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return isSignedBy(certificate, certificate)
}
