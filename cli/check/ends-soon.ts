import type { X509Certificate } from 'node:crypto'

/** Before its end somebody has to act. */
export const SOON_MS = 30 * 24 * 60 * 60 * 1000

/**
 * Whether a certificate that is renewed by itself ends within 30 days; of one that lives less than 90, whether two thirds of its
 * life are over: those of Weft are renewed before that (certs/renewal.ts).
 */
export function endsSoon(certificate: X509Certificate, now: number): boolean {
  const begin = certificate.validFromDate.getTime()
  const end = certificate.validToDate.getTime()
  return end - now < Math.min(SOON_MS, (end - begin) / 3)
}
