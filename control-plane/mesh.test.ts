import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../core/log.ts'
import type { Listener } from '../core/xds/generated/envoy.js'
import { createMesh, type MeshBrain } from './mesh.ts'
import { MemorySource } from './registry/memory-source.ts'
import { ENVOY, GRPC_LIBRARY, SIDECAR, SIDECAR_BEFORE, type ClientTakes } from './xds/client-takes.ts'
import { clientOf, runtimeOf, type MeshClient } from './xds/client.ts'

const BASE = readFileSync(join(import.meta.dirname, 'golden/base.yaml'), 'utf8')
const CLIENT: MeshClient = { namespace: 'mesh', pod: 'client', takes: SIDECAR }

function meshOf(t: Test): { source: MemorySource; mesh: MeshBrain } {
  const source = MemorySource.of(BASE)
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  t.teardown(() => mesh.close())
  return { source, mesh }
}

const split = (one: number, two: number): string => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: canary, namespace: mesh }
spec:
  parentRefs: [{ group: '', kind: Service, name: echo }]
  rules:
    - backendRefs: [{ name: echo-v1, port: 80, weight: ${one} }, { name: echo-v2, port: 80, weight: ${two} }]
`

const PERMISSIVE_POD = `apiVersion: v1
kind: Pod
metadata: { name: echo-v2-b, namespace: mesh, annotations: { weft.dev/status: '{}' } }
spec: { serviceAccountName: echo-two, initContainers: [{ name: weft-proxy, restartPolicy: Always }], containers: [{ name: app }] }
status: { podIP: 10.0.0.3 }
`

const slice = (...addresses: string[]): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: echo-v2-1, namespace: mesh, labels: { kubernetes.io/service-name: echo-v2 } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [${addresses.map((ip) => `{ addresses: [${ip}] }`).join(', ')}]
`

t.test('a change touches the resources it is about and no other', async (t) => {
  const { source, mesh } = meshOf(t)
  const types = ['listener', 'route', 'cluster', 'endpoints'] as const
  const changed = (edit: () => void): string[] => {
    const earlier = mesh.snapshot.value
    const held = new Map(
      types.flatMap((type) =>
        earlier.names(type, CLIENT).map((name) => [`${type} ${name}`, earlier.resource(type, name, CLIENT)]),
      ),
    )
    edit()
    const now = mesh.snapshot.value
    t.ok(now.version > earlier.version)
    const names = types.flatMap((type) =>
      [...new Set([...earlier.names(type, CLIENT), ...now.names(type, CLIENT)])]
        .filter((name) => {
          const differs = now.changed(earlier, type, name, CLIENT)
          // `changed`, the version and the object itself say the same.
          const resource = now.resource(type, name, CLIENT)
          const before = held.get(`${type} ${name}`)
          t.equal(differs, resource?.version !== before?.version, `${type} ${name}`)
          if (!differs) t.equal(resource, before)
          return differs
        })
        .map((name) => `${type} ${name}`),
    )
    return names
  }
  t.strictSame(
    changed(() => source.put(split(90, 10))),
    ['route mesh/echo/80'],
  )
  t.strictSame(
    changed(() => source.put(split(50, 50))),
    ['route mesh/echo/80'],
  )
  t.strictSame(
    changed(() => {
      source.put(PERMISSIVE_POD)
      source.put(slice('10.0.0.2', '10.0.0.3'))
    }),
    ['endpoints mesh/echo-v2/80'],
    'an endpoint of a known identity',
  )
  t.strictSame(
    changed(() => source.put(slice('10.0.0.2', '10.0.0.1'))),
    ['cluster mesh/echo-v2/80', 'endpoints mesh/echo-v2/80'],
    'an endpoint of another identity: its name joins those that may answer',
  )
  t.strictSame(
    changed(() => source.apply([{ op: 'delete', kind: 'Service', key: 'mesh/echo-v1' }])),
    [
      'listener outbound/10.96.0.2:80',
      'route mesh/echo-v1/80',
      'route mesh/echo/80',
      'cluster mesh/echo-v1/80',
      'endpoints mesh/echo-v1/80',
    ],
  )
})

t.test(
  'how paths are treated is told anew to every listener that it holds for, and to each kind of client',
  async (t) => {
    const { source, mesh } = meshOf(t)
    source.put(slice('10.0.0.2'))
    const pod = (name: string, ip: string, said: string): string => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: mesh, annotations: { weft.dev/escaped-slashes: ${said} } }
spec: { initContainers: [{ name: weft-proxy, restartPolicy: Always }], containers: [{ name: app }] }
status: { podIP: ${ip} }
`
    const ofServing = ['outbound/10.96.0.3:80', 'outbound/10.0.0.2:8080']
    for (const [name, ip, listeners] of [
      ['echo-v2-a', '10.0.0.2', ofServing],
      ['client', '10.0.0.7', ['inbound']],
    ] as const) {
      source.put(pod(name, ip, 'guard'))
      const before = mesh.snapshot.value
      const versions = listeners.map((one) => before.resource('listener', one, CLIENT)?.version)
      source.put(pod(name, ip, 'reject'))
      const now = mesh.snapshot.value
      for (const [i, listener] of listeners.entries()) {
        t.ok(now.changed(before, 'listener', listener, CLIENT), listener)
        t.not(now.resource('listener', listener, CLIENT)?.version, versions[i], listener)
      }
      source.put(pod(name, ip, 'guard'))
    }
    for (const listener of [...ofServing, 'inbound']) {
      const versionFor = (takes: ClientTakes): string | undefined =>
        mesh.snapshot.value.resource('listener', listener, { ...CLIENT, takes })?.version
      t.not(versionFor(SIDECAR), versionFor(ENVOY), listener)
    }
  },
)

t.test('equal content has an equal version in another process', async (t) => {
  const [one, two] = [meshOf(t), meshOf(t)]
  two.source.put(split(1, 1))
  two.source.apply([{ op: 'delete', kind: 'HTTPRoute', key: 'mesh/canary' }])
  for (const type of ['listener', 'route', 'cluster', 'endpoints'] as const) {
    for (const name of one.mesh.snapshot.value.names(type, CLIENT)) {
      t.equal(
        one.mesh.snapshot.value.resource(type, name, CLIENT)?.version,
        two.mesh.snapshot.value.resource(type, name, CLIENT)?.version,
        name,
      )
    }
  }
})

t.test('an address that another pod got never stands for the old identity', async (t) => {
  const { source, mesh } = meshOf(t)
  source.apply([{ op: 'delete', kind: 'Pod', key: 'mesh/echo-v2-a' }])
  const endpoints = () =>
    JSON.stringify(mesh.snapshot.value.resource('endpoints', 'mesh/echo-v2/80', CLIENT)?.message)
  t.notMatch(
    endpoints(),
    /10\.0\.0\.2/,
    'a named pod that is not known may have a sidecar: nothing is sent in plaintext',
  )
  source.put(
    PERMISSIVE_POD.replaceAll('echo-v2-b', 'other')
      .replace('echo-two', 'thief')
      .replace('10.0.0.3', '10.0.0.2'),
  )
  source.put(slice('10.0.0.2'))
  t.match(endpoints(), /ns\/mesh\/sa\/thief/)
  t.notMatch(endpoints(), /sa\/echo-two/)
})

t.test('names that nobody has are not there, however they are written', async (t) => {
  const { mesh } = meshOf(t)
  const view = mesh.snapshot.value
  for (const type of ['listener', 'route', 'cluster', 'endpoints'] as const) {
    for (const name of [
      '',
      '*',
      '/',
      '@',
      'outbound/',
      'outbound/10.96.0.1:0',
      'outbound/10.96.0.1:99999',
      'outbound/10.96.0.1',
      'mesh/echo',
      'mesh/echo/81',
      'mesh/echo/80@',
      'mesh/echo/80@a@b',
      'pod/mesh/client/0',
      'pod/mesh/client/15090',
      'pod/mesh/gone/80',
      'weft.invalid-backend',
      '__proto__',
      'echo.mesh',
      'echo.mesh:',
      'echo.mesh.svc.example.org:80',
      'x'.repeat(100_000),
    ]) {
      t.equal(view.resource(type, name, CLIENT), undefined, `${type} ${name.slice(0, 40)}`)
    }
  }
  t.equal(
    view.resource('listener', 'inbound', { ...CLIENT, pod: 'legacy' }),
    undefined,
    'no sidecar, no inbound',
  )
  t.equal(view.resource('listener', 'inbound', { ...CLIENT, pod: '' }), undefined)
})

t.test('a client is what its token says, before what its node says', async (t) => {
  const node = { id: 'a.b', metadata: { NAMESPACE: 'shop', POD_NAME: 'web-1' } }
  t.strictSame(clientOf(node), { namespace: 'shop', pod: 'web-1', takes: SIDECAR_BEFORE })
  t.strictSame(clientOf(node, { namespace: 'real', pod: 'web-2' }), {
    namespace: 'real',
    pod: 'web-2',
    takes: SIDECAR_BEFORE,
  })
  t.strictSame(clientOf({ userAgentName: 'gRPC Node Pure JS' }).takes, GRPC_LIBRARY)
  t.strictSame(clientOf({ userAgentName: 'envoy' }).takes, ENVOY)
  t.equal(runtimeOf({ metadata: { NODEJS_VERSION: '26.12.1' } }), '26.12.1')
  for (const version of [null, 26, { a: 'b' }])
    t.equal(runtimeOf({ metadata: { NODEJS_VERSION: version } }), '')
  t.equal(runtimeOf({ metadata: { NODEJS_VERSION: 'x'.repeat(200) } }).length, 32)
  t.equal(runtimeOf({ metadata: { NODEJS_VERSION: 'x'.repeat(100_000) } }), '')
  t.strictSame(clientOf(undefined), { namespace: 'default', pod: '', takes: SIDECAR_BEFORE })
})

t.test('what people look at: services, endpoints and the live split', async (t) => {
  const { source, mesh } = meshOf(t)
  source.put(split(90, 10))
  const echo = mesh.snapshot.value.services.find((one) => one.namespace === 'mesh' && one.name === 'echo')
  t.match(echo?.ports[0], {
    cluster: 'mesh/echo/80',
    protocol: 'http',
    routes: [{ name: 'HTTPRoute/mesh/canary/0', match: '/*', backends: [{ percent: 90 }, { percent: 10 }] }],
  })
  t.equal(echo?.ports[0]?.endpoints.length, 3)
})

/** A Service that leads to 10.0.0.1, the pod echo-v1-a of namespace `mesh`, without a selector. */
const leadingTo = (namespace: string, name: string, ports: string, target: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: 10.96.7.${name.length}, ports: [${ports}] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: p, port: 8080 }, { name: q, port: 9999 }]
endpoints: [{ addresses: [10.0.0.1]${target} }]
`

/** How each inbound port of echo-v1-a is treated, by the chains that its listener has for it. */
function inboundPorts(mesh: MeshBrain): Record<string, string> {
  const listener = mesh.snapshot.value.resource('listener', 'inbound', { ...CLIENT, pod: 'echo-v1-a' })
  const ports: Record<string, string[]> = {}
  for (const chain of (listener?.message as Listener | undefined)?.filterChains ?? []) {
    const port = String(chain.filterChainMatch?.destinationPort ?? 'other')
    ports[port] ??= []
    ports[port].push((chain.name ?? '').replace(/.*\//, ''))
  }
  return Object.fromEntries(Object.entries(ports).map(([port, chains]) => [port, chains.join(' ')]))
}

const HTTP_PORT = 'mtls-http mtls plain-http'
const OPAQUE_PORT = 'mtls-tcp tls plain-tcp'
const DETECTED_PORT = 'mtls-http mtls-tcp tls plain-http plain-tcp'

t.test("only Services of a pod's own namespace say what its ports speak", async (t) => {
  const { source, mesh } = meshOf(t)
  t.match(inboundPorts(mesh), { 8080: HTTP_PORT, 9999: DETECTED_PORT })
  const ports = '{ name: p, port: 80, appProtocol: tcp }, { name: q, port: 81, appProtocol: tcp }'
  for (const target of ['', ', targetRef: { kind: Pod, name: echo-v1-a, namespace: mesh }'])
    for (const said of [
      ports,
      ports.replaceAll('appProtocol: tcp', 'appProtocol: http'),
      ports.replaceAll(', appProtocol: tcp', ''),
    ]) {
      source.put(leadingTo('other', 'elsewhere', said, target))
      t.match(inboundPorts(mesh), { 8080: HTTP_PORT, 9999: DETECTED_PORT }, `${said} ${target}`)
      t.match(
        JSON.stringify(mesh.snapshot.value.resource('endpoints', 'other/elsewhere/80', CLIENT)?.message),
        /10\.0\.0\.1/,
        'it may lead there',
      )
    }
  source.put(leadingTo('mesh', 'own', ports, ''))
  t.match(inboundPorts(mesh), { 9999: OPAQUE_PORT }, "the pod's namespace may")
})

t.test('an IPv6 address is the same however an author writes it', async (t) => {
  const { source, mesh } = meshOf(t)
  source.put(PERMISSIVE_POD.replace('podIP: 10.0.0.3', "podIP: '2001:db8::3'"))
  for (const written of ['2001:db8::3', '2001:DB8:0::0003', '2001:0db8:0:0:0:0:0:3']) {
    source.put(
      leadingTo('other', 'six', '{ name: p, port: 80 }', '')
        .replace('IPv4', 'IPv6')
        .replace('10.0.0.1', `'${written}'`)
        .replace('10.96.7.3', `'${written.replace('2001', 'FD01')}'`),
    )
    const endpoints = mesh.snapshot.value.resource('endpoints', 'other/six/80', CLIENT)?.message
    t.match(
      JSON.stringify(endpoints),
      /"2001:db8::3".*ns\/mesh\/sa\/echo-two/,
      `${written}: never in plaintext`,
    )
    for (const asked of ['fd01:db8::3', written.replace('2001', 'fd01')])
      t.ok(mesh.snapshot.value.resource('listener', `outbound/[${asked}]:80`, CLIENT), asked)
  }
})

t.test(
  "a headless Service, a route and a policy of another namespace change nothing for a pod's callers",
  async (t) => {
    const { source, mesh } = meshOf(t)
    const seen = () => {
      const view = mesh.snapshot.value
      const names = ['outbound/10.0.0.1:8080', 'outbound/10.96.0.1:80', 'outbound/10.96.0.2:80']
      return [...names.map((name) => view.resource('listener', name, CLIENT)?.version), inboundPorts(mesh)]
    }
    const before = seen()
    source.put(
      leadingTo('other', 'elsewhere', '{ name: p, port: 8080, appProtocol: tcp }', '').replace(
        /clusterIP: [\d.]+/,
        'clusterIP: None',
      ),
    )
    source.put(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: grab, namespace: other }
spec:
  parentRefs: [{ group: '', kind: Service, name: echo-v1, namespace: mesh }]
  rules: [{ backendRefs: [{ name: elsewhere, port: 8080 }] }]
---
apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: grab, namespace: other }
spec: { mtls: { mode: STRICT } }
`)
    t.strictSame(
      mesh.problems().map(({ kind, name }) => `${kind} ${name}`),
      ['HTTPRoute grab'],
      'all of it was read',
    )
    t.strictSame(seen(), before)
  },
)

t.test('what Services of one namespace say of one port, in any order', async (t) => {
  const port = (said: string): string => `{ name: q, port: 81${said === '' ? '' : `, appProtocol: ${said}`} }`
  for (const [a, b, expected] of [
    ['http', '', DETECTED_PORT],
    ['http', 'tcp', DETECTED_PORT],
    ['tcp', '', OPAQUE_PORT],
    ['http', 'grpc', HTTP_PORT],
    ['http', 'http', HTTP_PORT],
    ['', '', DETECTED_PORT],
  ] as const)
    for (const [first, second] of [
      [a, b],
      [b, a],
    ] as const) {
      const { source, mesh } = meshOf(t)
      source.put(leadingTo('mesh', 'one', port(first), ''))
      source.put(leadingTo('mesh', 'second', port(second), ''))
      t.match(inboundPorts(mesh), { 9999: expected }, `${first || 'nothing'} and ${second || 'nothing'}`)
    }
})

t.test(
  'a pod is called by its owner, and knows the Services that lead to it as they come and go',
  async (t) => {
    const { source, mesh } = meshOf(t)
    const pod = (metadata: string) => `apiVersion: v1
kind: Pod
metadata: { name: echo-v2-b, namespace: mesh, uid: u7, ${metadata} }
spec: { initContainers: [{ name: weft-proxy, restartPolicy: Always }], containers: [{ name: app }] }
status: { podIP: 10.0.0.3 }
`
    const named = (metadata: string) => {
      source.put(pod(metadata))
      const { service, namespace, uid } = mesh.snapshot.value.model.workloads.get('mesh/echo-v2-b') ?? {}
      return `${service} ${namespace} ${uid}`
    }
    const owners =
      'ownerReferences: [{ kind: Node, name: n1 }, { kind: ReplicaSet, name: echo-5d8f, controller: true }]'
    t.equal(named(`${owners}, labels: { pod-template-hash: 5d8f }`), 'echo mesh u7')
    t.equal(named('ownerReferences: [{ kind: Job, name: not-its-controller }]'), 'echo-v2-b mesh u7')
    const annotations =
      'resource.opentelemetry.io/service.name: web, resource.opentelemetry.io/service.namespace: other'
    t.equal(named(`annotations: { ${annotations} }`), 'web mesh u7', 'in no other namespace')

    const leading = () => mesh.snapshot.value.model.workloads.get('mesh/echo-v2-b')?.services
    const toThePod = (service: string, addresses: string) => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${service}-x, namespace: mesh, labels: { kubernetes.io/service-name: ${service} } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [${addresses}]
`
    const before = leading() ?? []
    const it = '{ addresses: [10.0.0.3], targetRef: { kind: Pod, name: echo-v2-b, namespace: mesh } }'
    source.put(toThePod('echo-v1', it))
    t.strictSame(leading(), [...before, 'echo-v1.mesh'].toSorted())
    source.put(toThePod('echo', it))
    t.strictSame(leading(), [...before, 'echo-v1.mesh', 'echo.mesh'].toSorted(), 'by the same port')
    source.put(toThePod('echo-v1', ''))
    t.strictSame(leading(), [...before, 'echo.mesh'].toSorted())
  },
)

/** An HTTPRoute to echo with so many patterns, each in a rule of its own. */
const patterned = (name: string, createdAt: string, count: number, pattern: (at: number) => string): string =>
  JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'mesh', creationTimestamp: createdAt },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'echo' }],
      rules: Array.from({ length: count }, (_, at) => ({
        matches: [{ path: { type: 'RegularExpression', value: pattern(at) } }],
        backendRefs: [{ name: 'echo-v1', port: 80 }],
      })),
    },
  })

t.test(
  'patterns that take long to compile, alone or together, are refused, and others stay in force',
  async (t) => {
    const { source, mesh } = meshOf(t)
    const accepted = (name: string) => {
      const status = mesh.snapshot.value.routeStatus.find((one) => one.name === name)
      return status?.parents[0]?.conditions.find(({ type }) => type === 'Accepted')
    }
    const routes = (): number => {
      const route = mesh.snapshot.value.resource('route', 'mesh/echo/80', CLIENT)?.message
      return JSON.stringify(route).split('safeRegex').length - 1
    }
    source.put(patterned('alone', '2026-01-01T00:00:00Z', 1, () => `(?i)${'[A-\\x{FFFF}]'.repeat(70)}`))
    t.match(accepted('alone'), { status: 'False', reason: 'UnsupportedValue', message: /too large/ })
    // A thousand usual ones.
    source.put(patterned('usual', '2026-01-03T00:00:00Z', 1000, (at) => `/api/v[0-9]+/users/${at}/[^/]+`))
    t.match(accepted('usual'), { status: 'True' })
    t.equal(routes(), 1000)
    const large = (at: number): string => `/${at}/${'[a-z]{9}'.repeat(50)}`
    source.put(patterned('later', '2026-01-04T00:00:00Z', 90, large))
    t.match(accepted('later'), {
      status: 'False',
      reason: 'UnsupportedValue',
      message: /echo: too many patterns/,
    })
    t.equal(routes(), 1000, 'the older one stays in force')
    source.put(patterned('earlier', '2026-01-02T00:00:00Z', 90, (at) => `/e${large(at)}`))
    t.match([accepted('earlier'), accepted('usual')], [{ status: 'True' }, { status: 'False' }])
    t.equal(routes(), 90)
    source.put(patterned('own', '2026-01-05T00:00:00Z', 400, large))
    const own = mesh.snapshot.value.routeStatus.find((one) => one.name === 'own')
    t.match(
      own?.parents[0]?.conditions,
      [{ status: 'False', message: /too many patterns/ }],
      'a route of its own',
    )
  },
)

t.test('a method whose two patterns are too large together is refused, before a sidecar would', async (t) => {
  const { source, mesh } = meshOf(t)
  source.put(`apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: large, namespace: mesh }
spec:
  parentRefs: [{ group: '', kind: Service, name: echo }]
  rules:
    - matches: [{ method: { type: RegularExpression, service: '[a-z]{300}', method: '[a-z]{300}' } }]
      backendRefs: [{ name: echo-v1, port: 80 }]
`)
  t.match(mesh.snapshot.value.routeStatus[0]?.parents[0]?.conditions[0], {
    status: 'False',
    message: /method: is too large: it compiles to 60\d instructions/,
  })
})
