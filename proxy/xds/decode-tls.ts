import { OWN_CERTIFICATE_SECRET, TRUST_BUNDLE_SECRET } from '../../core/contract.ts'
import {
  DownstreamTlsContext,
  UpstreamTlsContext,
  type CertificateValidationContext,
  type CommonTlsContext,
  type DataSource,
  type TlsParameters_TlsProtocol,
  type TransportSocket,
} from '../../core/xds/generated/envoy.js'
import { unpacked } from '../../core/xds/any.ts'
import type {
  DownstreamTls,
  SanMatcher,
  TlsCertificate,
  TlsValidation,
  TlsVersion,
  TlsVersions,
  UpstreamTls,
} from '../model/tls.ts'
import type { Scope } from './scope.ts'

const ONE_CERTIFICATE = 'is one too many: a proxy shows one certificate'

/** Reads a file that a static configuration names. Throws WeftError. */
export type ReadFile = (path: string) => string

/** transport_socket of a filter chain. Undefined: plaintext. */
export function decodeDownstreamTls(
  socket: TransportSocket | undefined,
  scope: Scope,
  readFile: ReadFile,
): DownstreamTls | undefined {
  const context = unpacked(socket?.typedConfig, DownstreamTlsContext)
  if (!context) return undefined
  const common = context.commonTlsContext ?? {}
  const commonScope = scope.at('typed_config').at('common_tls_context')
  const certificate = decodeCertificate(common, commonScope, readFile)
  const validation = decodeValidation(common, commonScope, readFile)
  if (!certificate) {
    commonScope.fail('needs tls_certificates or tls_certificate_sds_secret_configs')
    return undefined
  }
  if (context.requireClientCertificate && !validation)
    commonScope.fail('needs a validation context where a client certificate is required')
  return {
    certificate,
    requireClientCertificate: context.requireClientCertificate ?? false,
    validation,
    alpn: common.alpnProtocols ?? [],
    ...decodeVersions(common, validation, commonScope),
  }
}

/** transport_socket of a cluster. Undefined: plaintext. */
export function decodeUpstreamTls(
  socket: TransportSocket | undefined,
  scope: Scope,
  readFile: ReadFile,
): UpstreamTls | undefined {
  const context = unpacked(socket?.typedConfig, UpstreamTlsContext)
  if (!context) return undefined
  const common = context.commonTlsContext ?? {}
  const commonScope = scope.at('typed_config').at('common_tls_context')
  const validation = decodeValidation(common, commonScope, readFile)
  return {
    certificate: decodeCertificate(common, commonScope, readFile),
    validation,
    sni: context.sni ?? '',
    alpn: common.alpnProtocols ?? [],
    ...decodeVersions(common, validation, commonScope),
  }
}

/** tls_params: the versions. Ciphers and curves are OpenSSL's own choice. */
function decodeVersions(
  common: CommonTlsContext,
  validation: TlsValidation | undefined,
  scope: Scope,
): TlsVersions {
  const params = common.tlsParams
  if (!params) return {}
  const minVersion = versionOf(params.tlsMinimumProtocolVersion)
  const maxVersion = versionOf(params.tlsMaximumProtocolVersion)
  if (maxVersion === 'TLSv1.2' && (minVersion === 'TLSv1.3' || validation?.roots.kind === 'sds'))
    scope
      .at('tls_params')
      .at('tls_maximum_protocol_version')
      .fail('leaves no version: the least one is TLSv1_3')
  return { ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) }
}

function versionOf(name: TlsParameters_TlsProtocol | undefined): TlsVersion | undefined {
  return name === 'TLSv1_2' ? 'TLSv1.2' : name === 'TLSv1_3' ? 'TLSv1.3' : undefined
}

function decodeCertificate(
  common: CommonTlsContext,
  scope: Scope,
  readFile: ReadFile,
): TlsCertificate | undefined {
  const [certificate, ...others] = common.tlsCertificates ?? []
  const [secret, ...otherSecrets] = common.tlsCertificateSdsSecretConfigs ?? []
  if (others.length > 0) scope.at('tls_certificates', 1).fail(ONE_CERTIFICATE)
  if (otherSecrets.length > 0) scope.at('tls_certificate_sds_secret_configs', 1).fail(ONE_CERTIFICATE)
  if (secret && certificate)
    scope.at('tls_certificates').fail('excludes tls_certificate_sds_secret_configs: keep one')
  if (secret) return { kind: 'sds', name: OWN_CERTIFICATE_SECRET }
  if (!certificate) return undefined
  const at = scope.at('tls_certificates', 0)
  return {
    kind: 'inline',
    certificatePem: readSource(certificate.certificateChain, at.at('certificate_chain'), readFile),
    privateKeyPem: readSource(certificate.privateKey, at.at('private_key'), readFile),
  }
}

function decodeValidation(
  common: CommonTlsContext,
  scope: Scope,
  readFile: ReadFile,
): TlsValidation | undefined {
  const combined = common.combinedValidationContext
  const sds = common.validationContextSdsSecretConfig ?? combined?.validationContextSdsSecretConfig
  const context = common.validationContext ?? combined?.defaultValidationContext
  const at = combined
    ? scope.at('combined_validation_context').at('default_validation_context')
    : scope.at('validation_context')
  const subjectAltNames = context ? decodeNames(context, at) : []
  if (sds) {
    // Envoy takes the secret's roots in place of these.
    if (context?.trustedCa)
      at.at('trusted_ca').fail('excludes validation_context_sds_secret_config: keep one')
    return { roots: { kind: 'sds', name: TRUST_BUNDLE_SECRET }, subjectAltNames }
  }
  if (!context) return undefined
  return {
    roots: { kind: 'inline', pem: readSource(context.trustedCa, at.at('trusted_ca'), readFile) },
    subjectAltNames,
  }
}

function decodeNames(context: CertificateValidationContext, scope: Scope): SanMatcher[] {
  return (context.matchTypedSubjectAltNames ?? []).flatMap((name, i): SanMatcher[] => {
    const type = name.sanType === 'URI' ? 'uri' : 'dns'
    const { exact, prefix } = name.matcher ?? {}
    if (exact !== undefined) return [{ type, match: 'exact', value: exact }]
    if (prefix !== undefined) return [{ type, match: 'prefix', value: prefix }]
    scope.at('match_typed_subject_alt_names', i).at('matcher').fail('needs exact or prefix')
    return []
  })
}

function readSource(source: DataSource | undefined, scope: Scope, readFile: ReadFile): string {
  if (source?.inlineString) return source.inlineString
  if (source?.inlineBytes) return Buffer.from(source.inlineBytes).toString()
  if (!source?.filename) {
    scope.fail('needs filename, inline_string or inline_bytes')
    return ''
  }
  try {
    return readFile(source.filename)
  } catch (error) {
    scope.at('filename').fail(error instanceof Error ? error.message : 'cannot be read')
    return ''
  }
}
