import { createSecureContext } from 'node:tls'
import { parseCertificates } from '../../certs/trust-bundle.ts'
import { describeError } from '../../core/errors.ts'
import type { DownstreamTls, UpstreamTls } from '../model/tls.ts'
import type { Problems } from './problems.ts'

/**
 * Files that OpenSSL cannot use are told at start, with their field, and not by every handshake. `path` is the
 * transport socket's.
 */
export function checkTls(
  tls: DownstreamTls | UpstreamTls | undefined,
  path: string,
  problems: Problems,
): void {
  if (!tls) return
  const common = `${path}.typed_config.common_tls_context`
  if (tls.certificate?.kind === 'inline') {
    const { certificatePem, privateKeyPem } = tls.certificate
    try {
      createSecureContext({ cert: certificatePem, key: privateKeyPem })
    } catch (error) {
      // OpenSSL's reason names a routine and never the content.
      const reason = describeError(error).replace(/^error:[^:]*:[^:]*:[^:]*:/, '')
      const what = `the certificate and the private key cannot be used (${reason}): give PEM files that belong together`
      problems.add(`${common}.tls_certificates[0]`, what)
    }
  }
  if (tls.validation?.roots.kind !== 'inline') return
  try {
    parseCertificates(tls.validation.roots.pem, 'the file')
  } catch (error) {
    problems.add(
      `${common}.validation_context.trusted_ca`,
      `${describeError(error)}: give a PEM file of CA certificates`,
    )
  }
}
