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

/** At least, between two that were issued one after the other. Milliseconds. */
const LEAST_MS = 1000

/**
 * The same for a certificate that was issued just now. By a clock that is far ahead of its issuer's it is past that moment
 * already, and so will be the next one: half of what is left of it is waited for, so that nobody asks without a pause.
 */
export function freshRenewalDelay(fresh: Validity, now: number, random: number): number {
  const delay = renewalDelay(fresh, now, random)
  return delay > 0 ? delay : Math.max((fresh.notAfter - now) / 2, LEAST_MS)
}

export function isValidAt(validity: Validity, now: number): boolean {
  return now >= validity.notBefore && now < validity.notAfter
}
