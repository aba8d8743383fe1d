import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { register } from '@grpc/grpc-js-xds'
import { ClusterResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/cluster-resource-type.js'
import { EndpointResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/endpoint-resource-type.js'
import { ListenerResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/listener-resource-type.js'
import { RouteConfigurationResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/route-config-resource-type.js'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { startControlPlane, type RunningControlPlane } from '../control-plane/app.ts'
import { GRPC_LIBRARY } from '../control-plane/xds/client-takes.ts'
import { manifestsPlatform } from '../control-plane/platform/manifests.ts'
import { createMesh } from '../control-plane/mesh.ts'
import { MemorySource } from '../control-plane/registry/memory-source.ts'
import { RESOURCE_TYPES, type ResourceType } from '../control-plane/xds/resource.ts'
import { silentLogger } from '../core/log.ts'

// The gRPC library's own xDS client, which knows nothing of Weft, joins the mesh without a sidecar (gRFC A27, A28).

const METHOD = '/greeter.Greeter/SayHello'
const TARGET = 'xds:///greeter.shop:50051'
const LOOPBACK = { host: '127.0.0.1', port: 0 }

/** A gRPC server that answers every method of the greeter with its own name. */
async function greeter(t: Test, name: string): Promise<number> {
  const server = new Server()
  const identity = (bytes: Buffer): Buffer => bytes
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  })
  const answer = (_call: unknown, callback: (error: null, bytes: Buffer) => void) =>
    callback(null, Buffer.from(name))
  server.addService(
    { sayHello: method(METHOD), other: method('/greeter.Greeter/Other') },
    { sayHello: answer, other: answer },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error ? reject(error) : resolve(at),
    ),
  )
  t.teardown(() => server.forceShutdown())
  return port
}

const service = (name: string, last: number) => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.96.0.${last}, ports: [{ name: grpc, port: 50051 }] }
`

const slice = (name: string, port: number) => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: grpc, port: ${port} }]
endpoints: [{ addresses: [127.0.0.1] }]
`

const route = (one: number, two: number) => `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: greeter, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: greeter }]
  rules:
    - matches: [{ method: { service: greeter.Greeter, method: SayHello } }]
      backendRefs:
        - { name: greeter-v1, port: 50051, weight: ${one} }
        - { name: greeter-v2, port: 50051, weight: ${two} }
`

async function mesh(t: Test) {
  // Before testdir: only then the directory goes after what uses it.
  t.teardown(() => {})
  const directory = t.testdir({ manifests: {} })
  const write = (file: string, ...manifests: readonly string[]): void => {
    writeFileSync(join(directory, 'new'), manifests.join('---\n'))
    renameSync(join(directory, 'new'), join(directory, 'manifests', file))
  }
  write('services.yaml', service('greeter', 1), service('greeter-v1', 2), service('greeter-v2', 3))
  const tokenKeyDirectory = join(directory, 'tokens')
  mkdirSync(tokenKeyDirectory)
  const running = await startControlPlane({
    platform: manifestsPlatform({
      manifests: [join(directory, 'manifests')],
      caDirectory: join(directory, 'ca'),
      tokenKeyDirectory,
    }),
    trustDomain: 'cluster.local',
    dnsNames: ['weft-control-plane.weft-system.svc'],
    grpc: LOOPBACK,
    grpcPlaintext: LOOPBACK,
    http: LOOPBACK,
    samplingPercent: 1,
    dashboard: new Map(),
    log: silentLogger,
  })
  t.teardown(() => running.close())
  return { running, write }
}

type Answers = Readonly<Record<string, number>>

/** Makes so many calls in the client's process. */
type Caller = (count: number, target?: string, method?: string) => Promise<Answers>

async function caller(t: Test, { plaintextPort }: RunningControlPlane): Promise<Caller> {
  const bootstrap = {
    xds_servers: [
      {
        server_uri: `127.0.0.1:${plaintextPort}`,
        channel_creds: [{ type: 'insecure' }],
        server_features: ['xds_v3'],
      },
    ],
    node: { id: 'caller', locality: {}, metadata: { NAMESPACE: 'shop' } },
  }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'grpc/caller.ts')], {
    env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.stdin.end()
    await ended
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async (count, target = TARGET, method = METHOD) => {
    child.stdin.write(`${count} ${target} ${method}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error('the client ended')
    return JSON.parse(value) as Answers
  }
}

interface Proxies {
  readonly proxies: readonly { readonly node: string; readonly rejected: string; readonly version: number }[]
}

async function proxies({ httpPort }: RunningControlPlane): Promise<Proxies['proxies']> {
  const { body } = await request(`http://127.0.0.1:${httpPort}/api/proxies`)
  return ((await body.json()) as Proxies).proxies
}

/** Calls until the answers are as wanted; a test that waits in vain runs into its time limit. */
async function until(ask: () => Promise<Answers>, wanted: (answers: Answers) => boolean): Promise<void> {
  while (!wanted(await ask()));
}

t.test('a gRPC library without a sidecar follows routes and endpoints', async (t) => {
  const { running, write } = await mesh(t)
  write('one.yaml', slice('greeter-v1', await greeter(t, 'v1')))
  write('two.yaml', slice('greeter-v2', await greeter(t, 'v2')))
  write('route.yaml', route(90, 10))
  const call = await caller(t, running)
  // The first edits may come after the first calls.
  await until(
    () => call(20),
    ({ v1 = 0, v2 = 0 }) => v1 + v2 === 20,
  )
  const canary = await call(1000)
  t.equal((canary['v1'] ?? 0) + (canary['v2'] ?? 0), 1000, 'every call is answered')
  // 9.5 is the standard deviation: six of them.
  t.ok(Math.abs((canary['v1'] ?? 0) - 900) < 57, JSON.stringify(canary))

  write('route.yaml', route(50, 50))
  await until(
    () => call(200),
    ({ v2 = 0 }) => v2 > 60,
  )
  const half = await call(1000)
  t.ok(Math.abs((half['v1'] ?? 0) - 500) < 95, JSON.stringify(half))
  t.equal((half['v1'] ?? 0) + (half['v2'] ?? 0), 1000)

  write('two.yaml', slice('greeter-v2', await greeter(t, 'v2-moved')))
  await until(
    () => call(50),
    (answers) => 'v2-moved' in answers && !('v2' in answers),
  )
  t.strictSame(
    Object.keys(await call(100, TARGET, '/greeter.Greeter/Other')),
    ['UNAVAILABLE'],
    'no rule, no route',
  )
  t.match(await proxies(running), [{ node: /caller/, rejected: '' }])
  t.equal((await proxies(running)).length, 1)
})

t.test('calls go straight to the Service without a route, and to one whose pods come later', async (t) => {
  const { running, write } = await mesh(t)
  const call = await caller(t, running)
  t.strictSame(await call(1), { UNAVAILABLE: 1 }, 'no endpoints yet')
  write('one.yaml', slice('greeter', await greeter(t, 'any')))
  await until(
    () => call(1),
    (answers) => 'any' in answers,
  )
  t.strictSame(await call(100, 'xds:///greeter.shop.svc.cluster.local:50051'), { any: 100 })
  t.match(await proxies(running), [{ rejected: '' }])
})

const LIBRARY = {
  listener: ListenerResourceType.get(),
  route: RouteConfigurationResourceType.get(),
  cluster: ClusterResourceType.get(),
  endpoints: EndpointResourceType.get(),
}

t.test('the library takes every resource that it is sent, whatever the rules', async (t) => {
  // Its filters, too.
  register()
  const root = join(import.meta.dirname, '../control-plane/golden')
  const base = readFileSync(join(root, 'base.yaml'), 'utf8')
  const who = { namespace: 'mesh', pod: '', takes: GRPC_LIBRARY }
  const server = { server_uri: '', channel_creds: [], server_features: [], ignore_resource_deletion: false }
  const bootstrap = {
    xdsServers: [],
    node: { id: '', locality: {} },
    authorities: {},
    clientDefaultListenerResourceNameTemplate: '%s',
    serverListenerResourceNameTemplate: '',
    certificateProviders: {},
  }
  const seen: Record<ResourceType, number> = { listener: 0, route: 0, cluster: 0, endpoints: 0 }
  for (const folder of readdirSync(root, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue
    const text = readFileSync(join(root, folder.name, 'manifests.yaml'), 'utf8')
    const source = MemorySource.of(base, text)
    const all = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
    const view = all.snapshot.value
    const targets = [...view.model.services.values()].flatMap(({ name, namespace, ports }) =>
      ports.map(({ port }) => `${name}.${namespace}:${port}`),
    )
    for (const type of RESOURCE_TYPES) {
      // It asks for listeners by its targets; those of sidecars are none of its business.
      for (const name of type === 'listener' ? targets : view.names(type, who)) {
        const resource = view.resource(type, name, who)
        if (!resource) continue
        const decoded = LIBRARY[type].decode(
          { server, bootstrap },
          { type_url: resource.typeUrl, value: Buffer.from(resource.body) },
        )
        seen[type]++
        if (decoded.error !== undefined) t.fail(`${folder.name}: ${type} ${name}`, { error: decoded.error })
      }
    }
    all.close()
  }
  for (const [type, count] of Object.entries(seen)) t.ok(count > 100, `${count} of ${type}`)
})
