import { TRUST_BUNDLE_SECRET } from '../../contract.ts'
import { ANY, only, REQUIRED, type FieldRow, type Messages } from './table.ts'

const TLS = 'envoy.extensions.transport_sockets.tls.v3'
const RAW_BUFFER = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'

const PROXY_PROTOCOL = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'

const socket = (...types: readonly string[]): FieldRow => ({
  within: { name: REQUIRED, typed_config: { required: true, types } },
})
/** `transport_socket` of who calls, and of who is called; there it may stand behind the PROXY protocol. */
export const DOWNSTREAM_SOCKET: FieldRow = socket(`${TLS}.DownstreamTlsContext`, RAW_BUFFER)
export const UPSTREAM_SOCKET: FieldRow = socket(`${TLS}.UpstreamTlsContext`, RAW_BUFFER, PROXY_PROTOCOL)
const WRAPPED_SOCKET: FieldRow = { ...socket(`${TLS}.UpstreamTlsContext`, RAW_BUFFER), required: true }

const VERSION = only('TLS_AUTO', 'TLSv1_2', 'TLSv1_3')
// Both name what the workload's own identity holds; where it comes from is no choice.
const OWN_CERTIFICATE: FieldRow = { within: { name: { required: true, values: ['default'] } } }
const TRUST_BUNDLE: FieldRow = { within: { name: { required: true, values: [TRUST_BUNDLE_SECRET] } } }

export const TRANSPORT: Messages = {
  // Its fields stand where it is used, above and below.
  'envoy.config.core.v3.TransportSocket': {},
  [RAW_BUFFER]: {},
  [PROXY_PROTOCOL]: { config: ANY, transport_socket: WRAPPED_SOCKET },
  'envoy.config.core.v3.ProxyProtocolConfig': { version: ANY },
  [`${TLS}.DownstreamTlsContext`]: {
    common_tls_context: REQUIRED,
    require_client_certificate: ANY,
    disable_stateless_session_resumption: only('true'),
    disable_stateful_session_resumption: only('true'),
  },
  [`${TLS}.UpstreamTlsContext`]: { common_tls_context: REQUIRED, sni: ANY, max_session_keys: only('0') },
  [`${TLS}.CommonTlsContext`]: {
    tls_params: ANY,
    tls_certificates: ANY,
    tls_certificate_sds_secret_configs: OWN_CERTIFICATE,
    validation_context: ANY,
    validation_context_sds_secret_config: TRUST_BUNDLE,
    combined_validation_context: ANY,
    alpn_protocols: ANY,
  },
  [`${TLS}.TlsParameters`]: {
    tls_minimum_protocol_version: VERSION,
    tls_maximum_protocol_version: VERSION,
  },
  [`${TLS}.TlsCertificate`]: {
    certificate_chain: REQUIRED,
    private_key: { required: true, secret: true },
  },
  'envoy.config.core.v3.DataSource': {
    // Nothing that a server sends may make the proxy read files.
    filename: { source: 'bootstrap' },
    inline_string: ANY,
    inline_bytes: ANY,
  },
  [`${TLS}.CertificateValidationContext`]: { trusted_ca: ANY, match_typed_subject_alt_names: ANY },
  [`${TLS}.CommonTlsContext.CombinedCertificateValidationContext`]: {
    default_validation_context: ANY,
    validation_context_sds_secret_config: TRUST_BUNDLE,
  },
  // Its fields stand where it is used.
  [`${TLS}.SdsSecretConfig`]: {},
  [`${TLS}.SubjectAltNameMatcher`]: {
    san_type: { required: true, values: ['URI', 'DNS'] },
    matcher: { required: true, within: { exact: ANY, prefix: ANY } },
  },
}
