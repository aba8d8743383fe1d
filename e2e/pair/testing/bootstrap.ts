import { secretsOf, newRoot } from '../../../proxy/testing/mesh-identity.ts'

// The two files that make a pair: Envoy's v3 Bootstrap as docs/bootstrap.md describes it, static resources only.

const EXTENSIONS = 'type.googleapis.com/envoy.extensions'
const ROOT = newRoot()
const LOOPBACK = '127.0.0.1'

/** A way through a pair: a plain listener before, mutual TLS between, a server application behind. */
export interface Path {
  readonly name: string
  readonly kind: 'http' | 'tcp'
  /** Port of the server application on loopback. */
  readonly app: number
  /** What the server application speaks, whatever its callers do. */
  readonly appProtocol?: 'http1' | 'http2'
  /** The application is told by the PROXY protocol who calls. */
  readonly proxyProtocol?: 'V1' | 'V2'
  /** Fields of envoy.config.route.v3.RouteAction at the caller's proxy, beside `cluster`. */
  readonly route?: object
  /** The same at the server's proxy. */
  readonly innerRoute?: object
  /** Fields of HttpConnectionManager at both proxies. */
  readonly manager?: object
  /** Fields of the caller's Listener. */
  readonly listener?: object
  /** Further ones at the server's proxy, and keys of its listener's filter_metadata `weft.dev`. */
  readonly innerManager?: object
  readonly innerMetadata?: object
  /** How long the server's proxy keeps an unused connection to the application; Weft's own 4 s where nothing is said. */
  readonly idleTimeout?: string
  /** CONNECT goes on, too. */
  readonly connect?: boolean
  /** The caller's listener looks at the first bytes: TLS by its SNI and HTTP go ways of their own, the rest is opaque. */
  readonly inspect?: boolean
  /** Offered between the two; `weft-h2` or `weft-tcp` by its kind where nothing is said. */
  readonly alpn?: readonly string[]
  /** The link is HTTP/2 whatever ALPN says, as Envoy wants it. */
  readonly linkHttp2?: boolean
  /** Service accounts that the other side must prove; any of the mesh where nothing is said. */
  readonly demands?: { readonly ofServer?: string; readonly ofCaller?: string }
  /** The caller's proxy speaks to the application itself, in plaintext: no sidecar is there. */
  readonly direct?: boolean
  /** Further clusters of the caller's proxy, by name: plaintext to these ports. */
  readonly extra?: Readonly<Record<string, number>>
}

/** The ports of one path: where callers connect, where the server's proxy listens, where the caller's proxy finds it. */
export interface PathPorts {
  readonly front: number
  readonly inner: number
  readonly link: number
  /** Where the server's proxy listens; loopback where nothing is said. */
  readonly at?: string
  /** Where the caller's proxy finds servers' proxies, all at the port `link`; loopback where nothing is said. */
  readonly hosts?: readonly string[]
}

export function callerBootstrap(paths: readonly Path[], ports: ReadonlyMap<string, PathPorts>) {
  const identity = identityOf('caller')
  return {
    node: { id: 'caller', cluster: 'caller' },
    static_resources: {
      listeners: paths.map((path) => ({
        ...listener(path, 'OUTBOUND', portsOf(ports, path).front),
        ...path.listener,
        ...(path.inspect
          ? inspection(path)
          : { filter_chains: [{ filters: [network(path, path.kind, path.route)] }] }),
      })),
      clusters: paths.flatMap((path) => [
        path.direct
          ? cluster(path.name, path.app, undefined, path.appProtocol, undefined, portsOf(ports, path).hosts)
          : cluster(
              path.name,
              portsOf(ports, path).link,
              tls('UpstreamTlsContext', identity, alpnOf(path, path.kind), path.demands?.ofServer),
              path.linkHttp2 ? 'http2' : undefined,
              undefined,
              portsOf(ports, path).hosts,
            ),
        ...(path.inspect
          ? [
              path.direct
                ? cluster(`${path.name}-tcp`, path.app)
                : cluster(
                    `${path.name}-tcp`,
                    portsOf(ports, path).link,
                    tls('UpstreamTlsContext', identity, ['weft-tcp'], path.demands?.ofServer),
                  ),
            ]
          : []),
        ...Object.entries(path.extra ?? {}).map(([name, port]) => cluster(name, port)),
      ]),
    },
  }
}

/** One proxy alone: a plain listener before, the application of `path` behind, no link between. */
export function aloneBootstrap(path: Path, port: number) {
  return {
    node: { id: 'alone', cluster: 'alone' },
    static_resources: {
      listeners: [
        {
          ...listener(path, 'OUTBOUND', port),
          filter_chains: [{ filters: [network(path, path.kind, path.route)] }],
        },
      ],
      clusters: [cluster(path.name, path.app, appSocket(path), path.appProtocol, path.idleTimeout)],
    },
  }
}

export function serverBootstrap(paths: readonly Path[], ports: ReadonlyMap<string, PathPorts>) {
  const identity = identityOf('server')
  const socket = (path: Path, alpn: readonly string[]) => ({
    transport_socket: tls('DownstreamTlsContext', identity, alpn, path.demands?.ofCaller),
  })
  return {
    node: { id: 'server', cluster: 'server' },
    static_resources: {
      listeners: paths.map(behindLink).map((path) => ({
        ...listener(path, 'INBOUND', portsOf(ports, path).inner, portsOf(ports, path).at),
        ...(path.innerMetadata ? { metadata: { filter_metadata: { 'weft.dev': path.innerMetadata } } } : {}),
        ...(path.inspect ? { listener_filters: [TLS_INSPECTOR] } : {}),
        filter_chains: path.inspect
          ? [
              {
                filter_chain_match: { application_protocols: ['weft-tcp'] },
                filters: [network(path, 'tcp', undefined)],
                ...socket(path, ['weft-tcp']),
              },
              { filters: [network(path, 'http', path.innerRoute)], ...socket(path, alpnOf(path, 'http')) },
            ]
          : [
              {
                filters: [network(path, path.kind, path.innerRoute)],
                ...socket(path, alpnOf(path, path.kind)),
              },
            ],
      })),
      clusters: paths.map((path) =>
        cluster(path.name, path.app, appSocket(path), path.appProtocol, path.idleTimeout),
      ),
    },
  }
}

function behindLink(path: Path): Path {
  return { ...path, manager: { ...path.manager, ...path.innerManager } }
}

function portsOf(ports: ReadonlyMap<string, PathPorts>, path: Path): PathPorts {
  return ports.get(path.name) as PathPorts
}

function appSocket({ proxyProtocol }: Path): object | undefined {
  if (proxyProtocol === undefined) return undefined
  const kind = `${EXTENSIONS}.transport_sockets`
  return {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typed_config: {
      '@type': `${kind}.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
      config: { version: proxyProtocol },
      transport_socket: {
        name: 'envoy.transport_sockets.raw_buffer',
        typed_config: { '@type': `${kind}.raw_buffer.v3.RawBuffer` },
      },
    },
  }
}

function alpnOf(path: Path, kind: Path['kind']): readonly string[] {
  return path.alpn ?? (kind === 'http' ? ['weft-h2', 'h2'] : ['weft-tcp'])
}

function listener(path: Path, direction: string, port: number, host?: string) {
  return { name: path.name, traffic_direction: direction, address: address(port, host) }
}

const inspector = (name: string) => ({
  name: `envoy.filters.listener.${name}`,
  typed_config: {
    '@type': `${EXTENSIONS}.filters.listener.${name}.v3.${name === 'tls_inspector' ? 'TlsInspector' : 'HttpInspector'}`,
  },
})
const TLS_INSPECTOR = inspector('tls_inspector')

function inspection(path: Path): object {
  return {
    listener_filters: [TLS_INSPECTOR, inspector('http_inspector')],
    listener_filters_timeout: '5s',
    continue_on_listener_filters_timeout: true,
    filter_chains: [
      {
        filter_chain_match: { application_protocols: ['http/1.1', 'h2c'], transport_protocol: 'raw_buffer' },
        filters: [network(path, 'http', path.route)],
      },
    ],
    default_filter_chain: { filters: [network({ ...path, name: `${path.name}-tcp` }, 'tcp', undefined)] },
  }
}

function network(path: Path, kind: Path['kind'], route: object | undefined): object {
  if (kind === 'tcp')
    return {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': `${EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy`,
        stat_prefix: path.name,
        cluster: path.name,
      },
    }
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: path.name,
      forward_client_cert_details: 'SANITIZE_SET',
      set_current_client_cert_details: { uri: true },
      http2_protocol_options: { max_concurrent_streams: 20_000 },
      route_config: {
        name: path.name,
        virtual_hosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [
              { name: path.name, match: { prefix: '/' }, route: { cluster: path.name, ...route } },
              ...(path.connect ? [connectRoute(path.name)] : []),
            ],
          },
        ],
      },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': `${EXTENSIONS}.filters.http.router.v3.Router` },
        },
      ],
      ...path.manager,
    },
  }
}

function connectRoute(cluster: string): object {
  const upgrade_configs = [{ upgrade_type: 'CONNECT' }]
  return { name: 'connect', match: { connect_matcher: {} }, route: { cluster, upgrade_configs } }
}

function cluster(
  name: string,
  port: number,
  socket?: object,
  protocol?: Path['appProtocol'],
  idle_timeout?: string,
  hosts: readonly string[] = [LOOPBACK],
): object {
  const options = protocol === 'http2' ? 'http2_protocol_options' : 'http_protocol_options'
  const limits = { max_connections: 20_000, max_pending_requests: 20_000, max_requests: 20_000 }
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: { thresholds: [limits] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions`,
        ...(idle_timeout ? { common_http_protocol_options: { idle_timeout } } : {}),
        ...(protocol ? { explicit_http_config: { [options]: {} } } : { use_downstream_protocol_config: {} }),
      },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: hosts.map((host) => ({ endpoint: { address: address(port, host) } })) }],
    },
    ...(socket ? { transport_socket: socket } : {}),
  }
}

interface Identity {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly bundlePem: string
}

/** Certificate, key and roots of another workload of the pair's mesh, as options of tls.connect. */
export function strangerTls(): {
  cert: string
  key: string
  ca: string
  checkServerIdentity: () => undefined
} {
  const { certificatePem, privateKeyPem, bundlePem } = identityOf('stranger')
  return { cert: certificatePem, key: privateKeyPem, ca: bundlePem, checkServerIdentity: () => undefined }
}

export function identityOf(serviceAccount: string): Identity {
  return secretsOf(ROOT, serviceAccount)
}

function tls(
  context: 'UpstreamTlsContext' | 'DownstreamTlsContext',
  identity: Identity,
  alpn: readonly string[],
  demanded: string | undefined,
): object {
  const mesh = 'spiffe://cluster.local/'
  const matcher = demanded === undefined ? { prefix: mesh } : { exact: `${mesh}ns/shop/sa/${demanded}` }
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${EXTENSIONS}.transport_sockets.tls.v3.${context}`,
      ...(context === 'DownstreamTlsContext' ? { require_client_certificate: true } : {}),
      common_tls_context: {
        tls_certificates: [
          {
            certificate_chain: { inline_string: identity.certificatePem },
            private_key: { inline_string: identity.privateKeyPem },
          },
        ],
        validation_context: {
          trusted_ca: { inline_string: identity.bundlePem },
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher }],
        },
        alpn_protocols: alpn,
      },
    },
  }
}

function address(port: number, host = LOOPBACK) {
  return { socket_address: { address: host, port_value: port } }
}
