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
  workloadIdentity: boolean,
): void {
  if (!tls) return
  const common = `${path}.typed_config.common_tls_context`
  if (!workloadIdentity) refuseSecrets(tls, common, problems)
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

/** They would keep every handshake waiting for a certificate that never comes. */
function refuseSecrets(tls: DownstreamTls | UpstreamTls, common: string, problems: Problems): void {
  const text = 'is the identity that a mesh gives, and this proxy is in none: use'
  if (tls.certificate?.kind === 'sds')
    problems.add(`${common}.tls_certificate_sds_secret_configs[0]`, `${text} tls_certificates`)
  if (tls.validation?.roots.kind !== 'sds') return
  const direct = `${common}.validation_context_sds_secret_config`
  const field = problems.placed(direct) ? direct : `${common}.combined_validation_context`
  problems.add(field, `${text} validation_context with trusted_ca`)
}
