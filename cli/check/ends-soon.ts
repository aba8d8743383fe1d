import type { X509Certificate } from 'node:crypto'

/** Before its end somebody has to act. */
export const SOON_MS = 30 * 24 * 60 * 60 * 1000

/**
 * Whether a certificate that is renewed by itself ends within 30 days; of one that lives no longer than that, whether two thirds
 * of its life are over: those of Weft are renewed before that (certs/renewal.ts).
 */
export function endsSoon(certificate: X509Certificate, now: number): boolean {
  const begin = certificate.validFromDate.getTime()
  const end = certificate.validToDate.getTime()
  const life = end - begin
  return end - now < (life <= SOON_MS ? life / 3 : SOON_MS)
}
