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
import { RawBuffer } from '../../core/xds/generated/envoy.js'
import { holds } from '../../core/xds/any.ts'
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

/** Reads a file that a static configuration names. Throws WeftError. */
export type ReadFile = (path: string) => string

/** transport_socket of a filter chain. Undefined: plaintext. */
export function decodeDownstreamTls(
  socket: TransportSocket | undefined,
  scope: Scope,
  readFile: ReadFile,
): DownstreamTls | undefined {
  if (!socket?.typedConfig || holds(socket.typedConfig, RawBuffer)) return undefined
  const at = scope.at('typed_config')
  const context = at.unpack(socket.typedConfig, DownstreamTlsContext)
  if (!context) return undefined
  at.only(
    context,
    'commonTlsContext',
    'requireClientCertificate',
    'disableStatelessSessionResumption',
    'disableStatefulSessionResumption',
  )
  const common = context.commonTlsContext ?? {}
  const commonScope = at.at('common_tls_context')
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
  if (!socket?.typedConfig || holds(socket.typedConfig, RawBuffer)) return undefined
  const at = scope.at('typed_config')
  const context = at.unpack(socket.typedConfig, UpstreamTlsContext)
  if (!context) return undefined
  at.only(context, 'commonTlsContext', 'sni', 'maxSessionKeys', 'enforceRsaKeyUsage')
  const common = context.commonTlsContext ?? {}
  const commonScope = at.at('common_tls_context')
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
  const at = scope.at('tls_params')
  at.only(params, 'tlsMinimumProtocolVersion', 'tlsMaximumProtocolVersion')
  const version = (name: TlsParameters_TlsProtocol | undefined, field: string): TlsVersion | undefined => {
    if (name === 'TLSv1_2') return 'TLSv1.2'
    if (name === 'TLSv1_3') return 'TLSv1.3'
    if (name !== undefined && name !== 'TLS_AUTO') at.at(field).fail('must be TLSv1_2 or TLSv1_3')
    return undefined
  }
  const minVersion = version(params.tlsMinimumProtocolVersion, 'tls_minimum_protocol_version')
  const maxVersion = version(params.tlsMaximumProtocolVersion, 'tls_maximum_protocol_version')
  if (maxVersion === 'TLSv1.2' && (minVersion === 'TLSv1.3' || validation?.roots.kind === 'sds'))
    at.at('tls_maximum_protocol_version').fail('leaves no version: the least one is TLSv1_3')
  return { ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) }
}

function decodeCertificate(
  common: CommonTlsContext,
  scope: Scope,
  readFile: ReadFile,
): TlsCertificate | undefined {
  scope.only(
    common,
    'tlsParams',
    'tlsCertificates',
    'tlsCertificateSdsSecretConfigs',
    'validationContext',
    'validationContextSdsSecretConfig',
    'combinedValidationContext',
    'alpnProtocols',
  )
  const sds = common.tlsCertificateSdsSecretConfigs?.[0]
  if (sds) {
    if (sds.name !== OWN_CERTIFICATE_SECRET)
      scope
        .at('tls_certificate_sds_secret_configs', 0)
        .fail(`only the secret "${OWN_CERTIFICATE_SECRET}" is known`)
    return { kind: 'sds', name: OWN_CERTIFICATE_SECRET }
  }
  const certificates = common.tlsCertificates ?? []
  if (certificates.length > 1) scope.at('tls_certificates', 1).unsupported()
  const certificate = certificates[0]
  if (!certificate) return undefined
  const at = scope.at('tls_certificates', 0)
  at.only(certificate, 'certificateChain', 'privateKey')
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
  if (context) at.only(context, 'trustedCa', 'matchTypedSubjectAltNames')
  const subjectAltNames = context ? decodeNames(context, at) : []
  if (sds) {
    if (sds.name !== TRUST_BUNDLE_SECRET)
      scope
        .at('validation_context_sds_secret_config')
        .fail(`only the secret "${TRUST_BUNDLE_SECRET}" is known`)
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
    const at = scope.at('match_typed_subject_alt_names', i)
    const type = name.sanType === 'URI' ? 'uri' : name.sanType === 'DNS' ? 'dns' : undefined
    const matcher = name.matcher
    if (!type) at.at('san_type').fail('must be URI or DNS')
    if (matcher?.exact !== undefined && type) return [{ type, match: 'exact' as const, value: matcher.exact }]
    if (matcher?.prefix !== undefined && type)
      return [{ type, match: 'prefix' as const, value: matcher.prefix }]
    at.at('matcher').fail('must be exact or prefix')
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
