import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import {
  DownstreamTlsContext,
  Listener,
  RawBuffer,
  TcpProxy,
  type DataSource,
} from '../../core/xds/generated/envoy.js'
import { readBootstrap } from '../bootstrap/bootstrap.ts'
import { FILES } from '../xds/testing/cluster-bases.ts'
import { ResourceTable } from '../xds/resource-table.ts'
import { listenerTo, routesTo } from '../testing/wire-resources.ts'
import { bootstrapDump, configDump } from './config-dump.ts'

const CHAIN = FILES['chain'] ?? ''
const KEY = FILES['key'] ?? ''

function withKey(privateKey: DataSource): Listener {
  const context = {
    commonTlsContext: { tlsCertificates: [{ certificateChain: { inlineString: CHAIN }, privateKey }] },
  }
  return {
    name: 'inbound',
    address: { socketAddress: { address: '127.0.0.1', portValue: 8443 } },
    filterChains: [
      {
        filterChainMatch: { destinationPort: 9191 },
        filters: [{ name: 'tcp', typedConfig: packAny(TcpProxy, { statPrefix: 'a', cluster: 'a' }) }],
        transportSocket: { name: 'tls', typedConfig: packAny(DownstreamTlsContext, context) },
      },
      {
        filters: [
          {
            name: 'tcp',
            typedConfig: packAny(TcpProxy, { statPrefix: 'a', cluster: 'a', idleTimeout: 1500 }),
          },
        ],
        transportSocket: { name: 'raw', typedConfig: packAny(RawBuffer, {}) },
      },
    ],
  }
}

for (const [title, source] of [
  ['text', { inlineString: KEY }],
  ['bytes', { inlineBytes: new Uint8Array(Buffer.from(KEY)) }],
] as const) {
  t.test(`a private key given as ${title} is left out`, async (t) => {
    const table = new ResourceTable()
    table.listener('inbound')
    const resource = packAny(Listener, withKey(source))
    t.same(table.apply('listener', [{ name: 'inbound', version: '1', resource }], []), [])
    const dump = JSON.stringify(configDump(table))
    t.match(dump, '[redacted]')
    t.notMatch(dump, JSON.stringify(KEY).slice(1, -1))
    t.notMatch(dump, Buffer.from(KEY).toString('base64'))
    t.match(dump, JSON.stringify(CHAIN).slice(1, -1), 'a certificate is no secret')
  })
}

t.test('what is held stands by the names of the API', async (t) => {
  const table = new ResourceTable()
  table.listener('l')
  table.apply('listener', [listenerTo('l', 'r')], [])
  table.apply('route', [routesTo('r', ['c'])], [])
  table.cluster('gone')
  table.apply('cluster', [], ['gone'])
  t.match(configDump(table), {
    listeners: [
      {
        name: 'l',
        bindToPort: false,
        defaultFilterChain: {
          filters: [
            {
              typedConfig: {
                '@type':
                  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                rds: { routeConfigName: 'r' },
              },
            },
          ],
        },
      },
    ],
    routes: [{ name: 'r', virtualHosts: [{ domains: ['*'] }] }],
    clusters: [],
    endpoints: [],
    absent: { listeners: [], clusters: ['gone'] },
  })
})

t.test('the dump of a file is one: it may be read again', async (t) => {
  const text = `static_resources:
  listeners:
    - name: front
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      default_filter_chain:
        filters:
          - name: tcp
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
              stat_prefix: front
              cluster: app
              idle_timeout: 1.5s
        transport_socket:
          name: tls
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
            common_tls_context:
              tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }]
  clusters:
    - { name: app, load_assignment: { cluster_name: app } }
`
  const options = { fileName: 'p', readFile: (path: string) => FILES[path] ?? '' }
  const first = readBootstrap(text, options)
  if (!first.ok) throw new Error(first.problems.join('\n'))
  const { listeners, clusters } = bootstrapDump(first.bootstrap.message) as Record<string, unknown>
  t.notMatch(JSON.stringify({ listeners, clusters }), 'redacted')
  const again = readBootstrap(JSON.stringify({ static_resources: { listeners, clusters } }), options)
  if (!again.ok) throw new Error(again.problems.join('\n'))
  t.same(again.bootstrap.static, first.bootstrap.static)
})
