import { packAny } from '../../core/xds/any.ts'
import {
  DownstreamTlsContext,
  UpstreamTlsContext,
  type CommonTlsContext,
  type SubjectAltNameMatcher,
  type TransportSocket,
} from '../../core/xds/generated/envoy.js'

export const ALPN_HTTP = ['weft-h2', 'h2', 'http/1.1'] as const
export const ALPN_TCP = 'weft-tcp'

const NAME = 'envoy.transport_sockets.tls'
/** Secrets that the client resolves itself: without an sdsConfig Envoy looks for static ones of that name. */
const OWN_CERTIFICATE = 'default'
const TRUST_BUNDLE = 'ROOTCA'

function commonContext(sans: readonly SubjectAltNameMatcher[], alpn: readonly string[]): CommonTlsContext {
  return {
    tlsCertificateSdsSecretConfigs: [{ name: OWN_CERTIFICATE }],
    combinedValidationContext: {
      defaultValidationContext: { matchTypedSubjectAltNames: sans },
      validationContextSdsSecretConfig: { name: TRUST_BUNDLE },
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

/** From other sidecars: any identity of the trust domain. */
export function downstreamTls(trustDomain: string, alpn: readonly string[]): TransportSocket {
  const context: DownstreamTlsContext = {
    commonTlsContext: commonContext(
      [{ sanType: 'URI', matcher: { prefix: `spiffe://${trustDomain}/` } }],
      alpn,
    ),
    requireClientCertificate: true,
  }
  return { name: NAME, typedConfig: packAny(DownstreamTlsContext, context) }
}
