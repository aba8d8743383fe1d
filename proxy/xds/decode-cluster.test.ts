import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import {
  Cluster,
  UpstreamHttpOptions,
  UpstreamTlsContext,
  type Cluster as WireCluster,
} from '../../core/xds/generated/envoy.js'
import type { Cluster as Model } from '../model/cluster.ts'
import { decodeResource } from './decode.ts'

function decoded(change: Partial<WireCluster>): Model {
  const wire = {
    name: 'c',
    type: 'EDS' as const,
    edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' as const } },
    ...change,
  }
  const result = decodeResource('cluster', packAny(Cluster, wire))
  if (!result.ok) throw new Error(result.problems.join())
  return result.value
}

function tls(...alpnProtocols: string[]): Pick<WireCluster, 'transportSocket'> {
  const commonTlsContext = alpnProtocols.length > 0 ? { alpnProtocols } : {}
  const typedConfig = packAny(UpstreamTlsContext, { commonTlsContext })
  return { transportSocket: { name: 'envoy.transport_sockets.tls', typedConfig } }
}

const HTTP2: Partial<WireCluster> = {
  typedExtensionProtocolOptions: {
    [UpstreamHttpOptions.typeName]: packAny(UpstreamHttpOptions, {
      explicitHttpConfig: { http2ProtocolOptions: {} },
    }),
  },
}

t.test('HTTP/2 over TLS is asked for by ALPN, also where no protocols are named', async (t) => {
  t.strictSame(decoded({ ...HTTP2, ...tls() }).tls?.alpn, ['h2'])
  t.strictSame(decoded({ ...HTTP2, ...tls('h2', 'http/1.1') }).tls?.alpn, ['h2', 'http/1.1'])
  t.strictSame(decoded(tls()).tls?.alpn, [])
  t.equal(decoded(HTTP2).tls, undefined)
})

t.test('an idle timeout holds for both protocols, and each has its default', async (t) => {
  t.match(decoded({}), { idleTimeoutMs: 4000, idleTimeoutHttp2Ms: 3_600_000 })
  const said = decoded({ commonHttpProtocolOptions: { idleTimeout: 7000 } })
  t.match(said, { idleTimeoutMs: 7000, idleTimeoutHttp2Ms: 7000 })
})

t.test('opaque connections are limited where the cluster says so', async (t) => {
  t.equal(decoded({}).limits.maxOpaqueConnections, undefined)
  const thresholds = [{ maxConnections: 3 }]
  t.equal(decoded({ circuitBreakers: { thresholds } }).limits.maxOpaqueConnections, 3)
})
