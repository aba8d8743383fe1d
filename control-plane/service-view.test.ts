import t from 'tap'
import { silentLogger } from '../core/log.ts'
import { createMesh } from './mesh.ts'
import { MemorySource } from './registry/memory-source.ts'

const service = (name: string, port: number) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { ports: [{ port }] },
})
const route = (kind: string, namespace: string, port: number, spec: object) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind,
  metadata: { name: `${kind}-${port}`.toLowerCase(), namespace },
  spec: { parentRefs: [{ group: '', kind: 'Service', namespace: 'shop', name: `s${port}` }], ...spec },
})

t.test('routes of connections stand among those of requests, with their shares', async (t) => {
  const backends = [
    { namespace: 'shop', name: 's81', port: 81, weight: 3 },
    { namespace: 'shop', name: 'gone', port: 1, weight: 1 },
  ]
  const mesh = createMesh({
    source: MemorySource.of(
      ...[
        service('s81', 81),
        service('s82', 82),
        route('TCPRoute', 'shop', 81, { rules: [{ backendRefs: backends }] }),
        route('TLSRoute', 'test', 82, { hostnames: ['*.a', 'b'], rules: [{ backendRefs: backends }] }),
      ].map((object) => JSON.stringify(object)),
    ),
    trustDomain: 'cluster.local',
    log: silentLogger,
  })
  t.teardown(() => mesh.close())
  const ports = mesh.snapshot.value.services.flatMap((one) => one.ports)
  const shares = [
    { cluster: 'shop/s81/81', weight: 3, percent: 75 },
    { cluster: '', weight: 1, percent: 25 },
  ]
  t.strictSame(
    ports.map(({ routes, consumerRoutes }) => ({ routes, consumerRoutes })),
    [
      {
        routes: [{ name: 'TCPRoute/shop/tcproute-81/0', match: 'TCP', action: 'forward', backends: shares }],
        consumerRoutes: {},
      },
      {
        routes: [],
        consumerRoutes: {
          test: [
            { name: 'TLSRoute/test/tlsroute-82/0', match: 'TLS *.a b', action: 'forward', backends: shares },
          ],
        },
      },
    ],
  )
})
