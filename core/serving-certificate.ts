import { createPrivateKey, X509Certificate } from 'node:crypto'
import { WeftError } from './errors.ts'

export interface ServingCertificate {
  /** The leaf first, then its chain. */
  readonly certPem: string
  readonly keyPem: string
}

/**
 * Throws a WeftError `serving.certificate` unless the key belongs to the certificate (TLS itself takes
 * empty texts without a word). What OpenSSL says of the key is not repeated.
 */
export function checkServingCertificate({ certPem, keyPem }: ServingCertificate): void {
  let matches: boolean
  try {
    matches = new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem))
  } catch {
    throw new WeftError('serving.certificate', 'the serving certificate and its key must both be PEM')
  }
  if (!matches) throw new WeftError('serving.certificate', 'the key is not that of the serving certificate')
}

/** Of the texts of two files, certificate and key. Throws while they don't belong together: a rotation replaces one after the other. */
export function loadServingCertificate([certPem = '', keyPem = '']: readonly string[]): ServingCertificate {
  const certificate = { certPem, keyPem }
  checkServingCertificate(certificate)
  return certificate
}
