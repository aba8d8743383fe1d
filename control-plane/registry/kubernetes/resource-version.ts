const DECIMAL = /^[1-9][0-9]*$/

/**
 * Below 0 when `a` is older than `b`, 0 when they are the same. The versions of one resource are etcd's revisions, and
 * since Kubernetes 1.35 their order is part of the API; 0 for what is no number, so that nothing is concluded from it.
 */
export function compareVersions(a: string, b: string): number {
  if (!DECIMAL.test(a) || !DECIMAL.test(b)) return 0
  // Beyond 2^53 a number would lose digits.
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
