import {
  ALPN_LINK,
  CERTIFICATE_PROVIDER,
  OWN_CERTIFICATE_SECRET,
  TRUST_BUNDLE_SECRET,
} from '../../core/contract.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import { packAny } from '../../core/xds/any.ts'
import {
  DownstreamTlsContext,
  ProxyProtocolUpstreamTransport,
  RawBuffer,
  UpstreamTlsContext,
  type CommonTlsContext,
  type SubjectAltNameMatcher,
  type TransportSocket,
} from '../../core/xds/generated/envoy.js'

export const ALPN_HTTP = [ALPN_LINK, 'h2', 'http/1.1'] as const

const NAME = 'envoy.transport_sockets.tls'

function commonContext(sans: readonly SubjectAltNameMatcher[], alpn: readonly string[]): CommonTlsContext {
  return {
    // Without an sdsConfig Envoy looks for static ones of that name.
    tlsCertificateSdsSecretConfigs: [{ name: OWN_CERTIFICATE_SECRET }],
    combinedValidationContext: {
      defaultValidationContext: { matchTypedSubjectAltNames: sans },
      validationContextSdsSecretConfig: { name: TRUST_BUNDLE_SECRET },
    },
    alpnProtocols: alpn,
  }
}

/** Towards other sidecars. Never without names: the trust bundle alone says nothing about who answers. */
export function upstreamTls(
  identities: readonly string[],
  otherwisePrefix: string,
  alpn: readonly string[],
): TransportSocket {
  const sans: SubjectAltNameMatcher[] =
    identities.length > 0
      ? identities.map((exact) => ({ sanType: 'URI', matcher: { exact } }))
      : [{ sanType: 'URI', matcher: { prefix: otherwisePrefix } }]
  return {
    name: NAME,
    typedConfig: packAny(UpstreamTlsContext, { commonTlsContext: commonContext(sans, alpn) }),
  }
}

/**
 * The same for a gRPC library (gRFC A29): certificates and roots are those that its bootstrap names, the list of ALPN is
 * its own, and names are read from the field that Envoy calls deprecated.
 */
export function providedTls(identities: readonly string[], otherwisePrefix: string): TransportSocket {
  const provider = { instanceName: CERTIFICATE_PROVIDER }
  const commonTlsContext: CommonTlsContext = {
    tlsCertificateProviderInstance: provider,
    validationContext: {
      caCertificateProviderInstance: provider,
      matchSubjectAltNames:
        identities.length > 0 ? identities.map((exact) => ({ exact })) : [{ prefix: otherwisePrefix }],
    },
  }
  return { name: NAME, typedConfig: packAny(UpstreamTlsContext, { commonTlsContext }) }
}

/** From other sidecars: any identity of these trust domains. */
export function downstreamTls(trustDomains: readonly string[], alpn: readonly string[]): TransportSocket {
  const context: DownstreamTlsContext = {
    commonTlsContext: commonContext(
      trustDomains.map((domain) => ({ sanType: 'URI', matcher: { prefix: `spiffe://${domain}/` } })),
      alpn,
    ),
    requireClientCertificate: true,
  }
  return { name: NAME, typedConfig: packAny(DownstreamTlsContext, context) }
}

/** Plaintext that begins with who calls. A sidecar of the version before refuses it: only where somebody asked for it. */
export function proxyProtocolSocket(version: ProxyProtocolVersion): TransportSocket {
  const raw = { name: 'envoy.transport_sockets.raw_buffer', typedConfig: packAny(RawBuffer, {}) }
  return {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typedConfig: packAny(ProxyProtocolUpstreamTransport, {
      config: { version: version === 'v2' ? 'V2' : 'V1' },
      transportSocket: raw,
    }),
  }
}
