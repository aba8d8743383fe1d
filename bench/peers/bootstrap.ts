import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CLIENT_ID, SERVER_NAME, type CertificateFiles, type Plan, type Topology } from './peer.ts'

// The file that drives Weft and Envoy alike: Envoy's v3 Bootstrap, JSON, static resources.

const EXTENSIONS = 'type.googleapis.com/envoy.extensions'

interface Sidecar {
  readonly direction: 'OUTBOUND' | 'INBOUND'
  readonly listen: number
  readonly upstream: number
  readonly topology: Topology
  readonly downstreamTls: object | undefined
  readonly upstreamTls: object | undefined
  readonly own: ServerOwn | undefined
}

/** What the file of the server's sidecar has beyond the others'. */
export interface ServerOwn {
  /** HTTP filters before the router. */
  readonly filters: readonly object[]
  /** Of the node: read, and of no effect. */
  readonly metadata: Readonly<Record<string, unknown>>
}

/**
 * Writes the bootstrap file of each sidecar of a plan; gives their paths, the caller's first. `own`: of the server's
 * sidecar.
 */
export function writeBootstraps(plan: Plan, own?: ServerOwn): string[] {
  return sidecarsOf(plan, own).map((sidecar, i) => {
    const path = join(plan.folder, `bootstrap-${i}.json`)
    writeFileSync(path, `${JSON.stringify(bootstrap(sidecar), undefined, 2)}\n`)
    return path
  })
}

function sidecarsOf({ topology, ports, certificates }: Plan, own: ServerOwn | undefined): Sidecar[] {
  const caller = {
    direction: 'OUTBOUND',
    topology,
    listen: ports.front,
    downstreamTls: undefined,
    own: undefined,
  } as const
  if (topology === 'plain') return [{ ...caller, upstream: ports.origin, upstreamTls: undefined }]
  // Opaque TCP offers no protocol.
  const alpn = topology === 'tcp-pair' ? [] : ['h2']
  return [
    { ...caller, upstream: ports.inner, upstreamTls: clientTls(certificates, alpn) },
    {
      direction: 'INBOUND',
      topology,
      listen: ports.inner,
      upstream: ports.origin,
      downstreamTls: serverTls(certificates, alpn),
      upstreamTls: undefined,
      own,
    },
  ]
}

function bootstrap(sidecar: Sidecar): object {
  return {
    node: {
      id: `bench-${sidecar.direction.toLowerCase()}`,
      cluster: 'bench',
      metadata: sidecar.own?.metadata ?? {},
    },
    static_resources: {
      listeners: [
        {
          name: 'front',
          traffic_direction: sidecar.direction,
          address: address(sidecar.listen),
          filter_chains: [
            {
              filters: [
                sidecar.topology === 'tcp-pair' ? tcpProxy() : connectionManager(sidecar.own?.filters ?? []),
              ],
              ...(sidecar.downstreamTls ? { transport_socket: sidecar.downstreamTls } : {}),
            },
          ],
        },
      ],
      clusters: [cluster(sidecar)],
    },
  }
}

function connectionManager(filters: readonly object[]): object {
  const path = 'filters.network.http_connection_manager.v3.HttpConnectionManager'
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${EXTENSIONS}.${path}`,
      stat_prefix: 'front',
      tracing: { random_sampling: { value: 1 } },
      route_config: {
        name: 'main',
        virtual_hosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [{ match: { prefix: '/' }, route: { cluster: 'upstream', timeout: '0s' } }],
          },
        ],
      },
      http_filters: [
        ...filters,
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': `${EXTENSIONS}.filters.http.router.v3.Router` },
        },
      ],
    },
  }
}

function tcpProxy(): object {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': `${EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 'front',
      cluster: 'upstream',
    },
  }
}

function cluster({ topology, upstream, upstreamTls }: Sidecar): object {
  const http2 = topology === 'grpc-pair' || (topology === 'http-pair' && upstreamTls !== undefined)
  const options = http2 ? { http2_protocol_options: {} } : { http_protocol_options: {} }
  // More than the largest number of connections, so that no limit stands in the way.
  const limits = { max_connections: 4096, max_pending_requests: 4096, max_requests: 4096 }
  return {
    name: 'upstream',
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: { thresholds: [limits] },
    ...(topology === 'tcp-pair'
      ? {}
      : {
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: options,
            },
          },
        }),
    load_assignment: {
      cluster_name: 'upstream',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
    },
    ...(upstreamTls ? { transport_socket: upstreamTls } : {}),
  }
}

function clientTls(files: CertificateFiles, alpn: readonly string[]): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext`,
      sni: SERVER_NAME,
      // Every new connection does a full handshake: certificates are what is measured.
      max_session_keys: 0,
      common_tls_context: common(files.client, files.clientKey, files.roots, alpn, 'DNS', SERVER_NAME),
    },
  }
}

function serverTls(files: CertificateFiles, alpn: readonly string[]): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      common_tls_context: common(files.server, files.serverKey, files.roots, alpn, 'URI', CLIENT_ID),
    },
  }
}

function common(
  certificate: string,
  key: string,
  roots: string,
  alpn: readonly string[],
  kind: 'DNS' | 'URI',
  name: string,
): object {
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
    validation_context: {
      trusted_ca: { filename: roots },
      match_typed_subject_alt_names: [{ san_type: kind, matcher: { exact: name } }],
    },
    ...(alpn.length > 0 ? { alpn_protocols: alpn } : {}),
  }
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}
