import type { X509Certificate } from 'node:crypto'

/** More than any chain that a peer may show: TLS ends long before. */
const LONGEST_PATH = 8

/**
 * Whether signatures lead from a leaf by way of some of `between` to one of these roots, each above it a CA that is valid
 * now. For a peer whose chain TLS has verified to some trusted root: it tells whether those of one trust domain suffice.
 */
export function leadsToRoot(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: number,
): boolean {
  const step = (below: X509Certificate, left: readonly X509Certificate[]): boolean => {
    if (roots.some((root) => signs(root, below, now))) return true
    if (between.length - left.length >= LONGEST_PATH) return false
    return left.some(
      (one) =>
        signs(one, below, now) &&
        step(
          one,
          left.filter((other) => other !== one),
        ),
    )
  }
  return step(leaf, between.slice(0, LONGEST_PATH))
}

function signs(ca: X509Certificate, below: X509Certificate, now: number): boolean {
  return (
    ca.ca &&
    now >= ca.validFromDate.getTime() &&
    now < ca.validToDate.getTime() &&
    below.checkIssued(ca) &&
    below.verify(ca.publicKey)
  )
}
