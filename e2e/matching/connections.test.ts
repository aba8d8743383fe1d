import fc from 'fast-check'
import t from 'tap'
import { createMesh } from '../../control-plane/mesh.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { SIDECAR } from '../../control-plane/xds/client-takes.ts'
import { silentLogger } from '../../core/log.ts'
import { chooseChain } from '../../proxy/listener/chain-match.ts'
import { decodeResource } from '../../proxy/xds/decode.ts'
import { naiveConnection, type MeshConnection, type WrittenConnectionRoute } from './naive-connections.ts'

// As matching.test.ts, for connections: from TLSRoutes and TCPRoutes to the filter chain that the proxy chooses.

const PAIRS = process.env['WEFT_LONG'] ? 100_000 : 2000
const CONNECTIONS = 20
const SERVICE = { namespace: 'shop', name: 'db' }
const ADDRESS = '10.96.0.1'
const PORT = 7000
const NAMESPACES = ['shop', 'shop', 'team']
const HOSTNAMES = ['a.example', 'b.a.example', '*.example', '*.a.example', 'example', '*.b.a.example']
const SERVER_NAMES = [
  ...HOSTNAMES.filter((name) => !name.startsWith('*')),
  'c.b.a.example',
  'xa.example',
  '',
  'org',
]

const service = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: SERVICE,
  spec: { clusterIP: ADDRESS, ports: [{ port: PORT }] },
})

const route: fc.Arbitrary<WrittenConnectionRoute> = fc
  .record({
    kind: fc.constantFrom('TLSRoute', 'TCPRoute'),
    namespace: fc.constantFrom(...NAMESPACES),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
    hostnames: fc.array(fc.constantFrom(...HOSTNAMES), { maxLength: 3 }),
  })
  .map(({ kind, namespace, name, created, hostnames }) => ({
    apiVersion: 'gateway.networking.k8s.io/v1alpha2',
    kind,
    metadata: { namespace, name, creationTimestamp: created },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', ...SERVICE }],
      rules: [{ backendRefs: [{ ...SERVICE, port: PORT }] }],
      ...(kind === 'TLSRoute' && hostnames.length > 0 ? { hostnames } : {}),
    },
  }))
const scene = fc.record({
  routes: fc.uniqueArray(route, {
    maxLength: 6,
    selector: ({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`,
  }),
  connections: fc.array(
    fc.record({
      clientNamespace: fc.constantFrom(...NAMESPACES),
      service: fc.constant(SERVICE),
      serverName: fc.constantFrom(undefined, ...SERVER_NAMES),
    }),
    { minLength: CONNECTIONS, maxLength: CONNECTIONS },
  ),
})

t.test(
  `the proxy chooses the route of a connection that the specification does, ${PAIRS} pairs`,
  async (t) => {
    const followed = new Map<string, number>()
    fc.assert(
      fc.property(scene, ({ routes, connections }) => {
        const proxy = meshOf(routes)
        for (const connection of connections) {
          const expected = naiveConnection(routes, connection)
          const found = proxy(connection)
          if (found !== expected)
            throw new Error(
              `${JSON.stringify(connection)} follows ${found}, by the specification ${expected}`,
            )
          const kind = expected.split('/')[0] ?? ''
          followed.set(kind, (followed.get(kind) ?? 0) + 1)
        }
      }),
      { numRuns: Math.ceil(PAIRS / CONNECTIONS) },
    )
    for (const kind of ['TLSRoute', 'TCPRoute', 'service', 'closed'])
      t.ok((followed.get(kind) ?? 0) > PAIRS / 100, `${followed.get(kind)} of ${kind}`)
  },
)

/** The name of the filter chain is that of the rule; where no route is, it is the Service's. */
function meshOf(routes: readonly WrittenConnectionRoute[]): (connection: MeshConnection) => string {
  const mesh = createMesh({
    source: MemorySource.of(service, ...routes.map((one) => JSON.stringify(one))),
    trustDomain: 'cluster.local',
    log: silentLogger,
  })
  const view = mesh.snapshot.value
  mesh.close()
  return ({ clientNamespace, serverName }) => {
    const client = { namespace: clientNamespace, pod: 'client', takes: SIDECAR }
    const resource = view.resource('listener', `outbound/${ADDRESS}:${PORT}`, client)
    if (!resource) throw new Error('there is no listener')
    const listener = decodeResource('listener', { typeUrl: resource.typeUrl, value: resource.body })
    if (!listener.ok) throw new Error(listener.problems.join('; '))
    const chain = chooseChain(listener.value, {
      destinationPort: PORT,
      serverName: serverName ?? '',
      transportProtocol: serverName === undefined ? 'raw_buffer' : 'tls',
      applicationProtocols: [],
    })
    if (!chain) return 'closed'
    return chain.name.includes('/') ? chain.name : 'service'
  }
}
