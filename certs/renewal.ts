/** Milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * Milliseconds from `now` until a certificate should be renewed: at half of its life, moved by up to a tenth
 * of its life either way, so that pods started together do not all ask at once. 0 when that moment has passed.
 * `random` is in [0, 1).
 */
export function renewalDelay(validity: Validity, now: number, random: number): number {
  const life = Math.max(validity.notAfter - validity.notBefore, 0)
  const at = validity.notBefore + life * (0.4 + 0.2 * random)
  return Math.max(at - now, 0)
}

export function isValidAt(validity: Validity, now: number): boolean {
  return now >= validity.notBefore && now < validity.notAfter
}
