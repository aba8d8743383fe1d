import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { silentLogger } from '../core/log.ts'
import { createMesh, type MeshView } from './mesh.ts'
import { touchedBetween } from './model/touched.ts'
import { MemorySource } from './registry/memory-source.ts'
import { parseManifests } from './registry/parse-manifests.ts'
import type { Change, Snapshot } from './registry/snapshot.ts'
import { ABSENT_VERSION } from './xds/absent.ts'
import { ENVOY, GRPC_LIBRARY, SIDECAR, SIDECAR_WITHOUT_RBAC } from './xds/client-takes.ts'
import type { MeshClient } from './xds/client.ts'
import { INBOUND } from './xds/names.ts'
import { CODECS } from './xds/resource.ts'
import { readable } from '../core/xds/readable.ts'
import { RESOURCE_TYPES, type MeshResource, type ResourceType } from './xds/resource.ts'
import { scopeOf } from './xds/scope.ts'

const NAMES = ['a', 'b']
const ADDRESSES = ['10.96.0.1', '10.96.0.2', '10.0.0.1', '10.0.0.2']
const OUTSIDE = '192.0.2.1'
const KINDS = [
  'Service',
  'EndpointSlice',
  'Pod',
  'HTTPRoute',
  'TLSRoute',
  'TCPRoute',
  'PeerAuthentication',
  'AuthorizationPolicy',
  'MeshPolicy',
] as const

interface Op {
  readonly kind: (typeof KINDS)[number]
  readonly namespace: string
  readonly name: string
  readonly gone: boolean
  readonly value: number
}

const ops = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    namespace: fc.constantFrom('shop', 'web'),
    name: fc.constantFrom(...NAMES),
    gone: fc.integer({ min: 0, max: 3 }).map((one) => one === 0),
    value: fc.integer({ min: 0, max: 63 }),
  }),
  { minLength: 1, maxLength: 40 },
)

const nodeOf = (pod: string): string => (pod === 'a' ? 'one' : 'two')

/** An object of few shapes, so that addresses are handed on, names are shared and references break. */
function changeOf({ kind, namespace, name: any, gone, value }: Op): Change {
  const name = kind === 'MeshPolicy' && any === 'a' ? 'default' : any
  if (gone) return { op: 'delete', kind, key: `${namespace}/${name}` }
  const pick = <T>(list: readonly T[], shift = 0): T => list[(value >> shift) % list.length] as T
  const metadata = {
    name,
    namespace,
    creationTimestamp: new Date(value * 1000).toISOString(),
    labels: { 'kubernetes.io/service-name': name, app: pick(NAMES) },
    annotations: {
      ...(value % 2 === 0 ? { 'weft.dev/status': '{}' } : {}),
      ...(value % 7 === 0 ? { 'weft.dev/opaque-ports': '8080' } : {}),
      ...(value % 3 === 0 ? { 'weft.dev/escaped-slashes': pick(['keep', 'reject', 'guard'], 2) } : {}),
    },
  }
  const route = () => ({
    parentRefs: [{ group: '', kind: 'Service', name: pick(NAMES, 1), namespace: pick(['shop', 'web'], 2) }],
    rules: [{ backendRefs: [{ name: pick(NAMES, 3), port: 80, weight: value }] }],
  })
  const bodies: Readonly<Record<Op['kind'], () => object>> = {
    Service: () => ({
      spec: {
        clusterIP: value % 5 === 0 ? 'None' : pick(ADDRESSES),
        ...pick([{}, { externalIPs: [OUTSIDE] }, { externalIPs: [OUTSIDE, pick(ADDRESSES, 1)] }], 1),
        ...(name === 'b' ? { internalTrafficPolicy: 'Local' } : {}),
        ports: [
          {
            name: 'p',
            port: pick([80, 81], 3),
            ...pick([{}, { appProtocol: 'http' }, { appProtocol: 'tcp' }], 2),
          },
        ],
      },
    }),
    EndpointSlice: () => ({
      addressType: 'IPv4',
      ports: [{ name: 'p', port: pick([8080, 8081], 4) }],
      endpoints: NAMES.slice(value % 3).map((pod, at) => ({
        addresses: [pick(ADDRESSES, at)],
        conditions: { ready: (value >> at) % 2 === 0 },
        ...(value % 4 === 0 ? {} : { targetRef: { kind: 'Pod', name: pod } }),
        nodeName: nodeOf(pod),
      })),
    }),
    Pod: () => ({
      spec: {
        serviceAccountName: pick(NAMES, 1),
        nodeName: nodeOf(name),
        ...(value % 3 === 0 ? {} : { initContainers: [{ name: 'weft-proxy', restartPolicy: 'Always' }] }),
        containers: [{ name: 'app', ports: [{ name: pick(['http', 'x'], 2), containerPort: 8080 }] }],
      },
      status: { podIP: pick(ADDRESSES), phase: value % 11 === 0 ? 'Succeeded' : 'Running' },
    }),
    HTTPRoute: () => ({ spec: route() }),
    TLSRoute: () => ({ spec: { ...route(), hostnames: [pick(['a.example', '*.example'], 2)] } }),
    TCPRoute: () => ({ spec: route() }),
    PeerAuthentication: () => ({
      spec: {
        ...(value % 3 === 0 ? { selector: { matchLabels: { app: pick(NAMES, 1) } } } : {}),
        mtls: { mode: value % 2 === 0 ? 'STRICT' : 'PERMISSIVE' },
        ...(value % 9 === 0 ? { portLevelMtls: { [8080 + (value % 2)]: { mode: 'STRICT' } } } : {}),
      },
    }),
    AuthorizationPolicy: () => ({
      spec: {
        ...pick([
          {},
          { selector: { matchLabels: { app: pick(NAMES, 1) } } },
          { targetRefs: [{ kind: 'Service', name: pick(NAMES, 3) }] },
          {
            targetRefs: [
              { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: pick(NAMES, 3) },
              ...(value % 3 === 0 ? [{ kind: 'Service', name: pick(NAMES, 2) }] : []),
            ],
          },
        ]),
        action: pick(['ALLOW', 'DENY', 'AUDIT'], 1),
        mode: value % 5 === 0 ? 'DryRun' : 'Enforce',
        appliesToSelf: value % 7 === 0,
        rules: [{ from: [{ source: { namespaces: [pick(['shop', 'web'], 4)] } }] }],
      },
    }),
    MeshPolicy: () => ({
      spec: {
        ...(value % 2 === 0 ? { mtls: { mode: pick(['STRICT', 'PERMISSIVE'], 1) } } : {}),
        authorization: {
          default: pick(['Allow', 'SameNamespace', 'Deny'], 2),
          ...(value % 4 === 0 ? { audit: 'All', openConnections: '1s' } : {}),
          ...(value % 3 === 0 ? { dryRunNamespaces: ['shop'] } : {}),
        },
        ...(value % 5 === 0 ? { namespaces: [{ name: 'shop', mtls: { mode: 'STRICT' } }] } : {}),
      },
    }),
  }
  const apiVersions = {
    Service: 'v1',
    Pod: 'v1',
    EndpointSlice: 'discovery.k8s.io/v1',
    HTTPRoute: 'gateway.networking.k8s.io/v1',
    TLSRoute: 'gateway.networking.k8s.io/v1',
    TCPRoute: 'gateway.networking.k8s.io/v1alpha2',
    PeerAuthentication: 'weft.dev/v1alpha1',
    AuthorizationPolicy: 'weft.dev/v1alpha1',
    MeshPolicy: 'weft.dev/v1alpha1',
  }
  const text = JSON.stringify({ apiVersion: apiVersions[kind], kind, metadata, ...bodies[kind]() })
  const { objects, errors } = parseManifests('x', text)
  const [found] = objects
  if (!found) throw new Error(JSON.stringify(errors))
  return { op: 'put', object: found.object }
}

const OF_MESH = { trustDomain: 'cluster.local', log: silentLogger, systemNamespace: 'web' }

/** Something of everything is there before. */
const BASE: readonly Op[] = KINDS.flatMap((kind) =>
  ['shop', 'web'].flatMap((namespace) =>
    NAMES.map((name, value) => ({ kind, namespace, name, gone: false, value })),
  ),
)

const CLIENTS: readonly MeshClient[] = [
  { namespace: 'shop', pod: 'a', takes: SIDECAR },
  { namespace: 'web', pod: 'b', takes: SIDECAR },
  { namespace: 'web', pod: 'b', takes: SIDECAR_WITHOUT_RBAC },
  { namespace: 'web', pod: '', takes: GRPC_LIBRARY },
  { namespace: 'shop', pod: 'b', takes: ENVOY },
]

const OWN = ['shop', 'web'].flatMap((namespace) =>
  NAMES.flatMap((name) => [
    ...[80, 81].flatMap((port) => [
      `${namespace}/${name}/${port}`,
      `${namespace}/${name}/${port}@web`,
      `${name}.${namespace}:${port}`,
    ]),
    `pod/${namespace}/${name}/8080`,
  ]),
)
const UNIVERSE = [
  INBOUND,
  'nothing',
  ...OWN,
  ...[...ADDRESSES, OUTSIDE].flatMap((address) =>
    [80, 81, 8080].map((port) => `outbound/${address}:${port}`),
  ),
]

interface Seen {
  readonly type: ResourceType
  readonly resource: MeshResource | undefined
  /** The scope whose touch announces a change of it. */
  readonly scope: string | undefined
  readonly changedSince: (earlier: MeshView) => boolean
}

/** Whatever any of the clients can ask for, by client, type and name. */
function allOf(view: MeshView): ReadonlyMap<string, Seen> {
  const found = new Map<string, Seen>()
  for (const [at, client] of CLIENTS.entries())
    for (const type of RESOURCE_TYPES)
      for (const name of UNIVERSE)
        found.set(`${at} ${type} ${name}`, {
          type,
          resource: view.resource(type, name, client),
          scope: scopeOf(type, name, client),
          changedSince: (earlier) => view.changed(earlier, type, name, client),
        })
  return found
}

/** A mesh that never saw other objects than those there are now. */
function fresh(snapshot: Snapshot): MeshView {
  const source = new MemorySource()
  for (const table of Object.values(snapshot))
    source.apply([...table.values()].map((object): Change => ({ op: 'put', object })))
  return createMesh({ source, ...OF_MESH }).snapshot.value
}

function assertSameAsFresh(view: MeshView, snapshot: Snapshot): void {
  const anew = fresh(snapshot)
  if (!isDeepStrictEqual(withoutVersion(view.model), withoutVersion(anew.model)))
    throw new Error('the model that was kept differs from one that is worked out anew')
  const held = allOf(view)
  for (const [key, { type, resource }] of allOf(anew)) {
    const kept = held.get(key)?.resource
    if (isDeepStrictEqual(kept, resource)) continue
    const shown = [kept, resource].map((one) => one && JSON.stringify(readable(CODECS[type], one.message)))
    throw new Error(`${key} is ${shown[0]}, and made anew ${shown[1]}`)
  }
  for (const client of CLIENTS)
    for (const type of RESOURCE_TYPES)
      if (!isDeepStrictEqual(view.names(type, client), anew.names(type, client)))
        throw new Error(`a wildcard of ${type} stands for other names than anew`)
}

/** Holds what differs between two versions to what the later one tells of it. */
function assertTold(
  [earlier, held]: readonly [MeshView, ReadonlyMap<string, Seen>],
  now: ReadonlyMap<string, Seen>,
  touched: ReadonlySet<string> | undefined,
): void {
  for (const [key, { resource, scope, changedSince }] of now) {
    const differs = resource?.version !== held.get(key)?.resource?.version
    if (differs !== changedSince(earlier)) throw new Error(`${key}: changed() tells something else`)
    if (differs && scope !== undefined && !touched?.has(scope))
      throw new Error(`${key} changed, and ${scope} is not among ${[...(touched ?? [])].join(', ')}`)
  }
}

t.test('whatever differs for a client was touched, and what is kept is as if worked out anew', (t) => {
  fc.assert(
    fc.property(ops, (sequence) => {
      const source = new MemorySource()
      source.apply(BASE.map(changeOf))
      const mesh = createMesh({ source, ...OF_MESH })
      const first = mesh.snapshot.value
      const firstObjects = source.snapshot.value
      const atFirst = allOf(first)
      let view = first
      let before = atFirst
      for (const op of sequence) {
        source.apply([changeOf(op)])
        const now = mesh.snapshot.value
        const seen = allOf(now)
        assertSameAsFresh(now, source.snapshot.value)
        const touched = touchedBetween(view.model, now.model)
        assertTold([view, before], seen, touched)
        for (const [key, { resource }] of seen) {
          const other = before.get(key)?.resource
          // What stands for nothing is not kept.
          if (resource?.version === ABSENT_VERSION) continue
          // What is for one node is kept apart from what is for another, also where it is the same.
          if (/ endpoints \w+\/b\//.test(key)) continue
          if (resource !== other && resource?.version === other?.version)
            throw new Error(`${key} was made anew without a change`)
        }
        if (!isDeepStrictEqual(new Set(now.touchedSince(view.version)), new Set(touched)))
          throw new Error('the history tells something else')
        view = now
        before = seen
      }
      // Several versions at once; and what was handed out of the first is still good.
      assertTold([first, atFirst], before, view.touchedSince(first.version))
      assertSameAsFresh(first, firstObjects)
      mesh.close()
    }),
    { numRuns: 120 },
  )
  t.end()
})

function withoutVersion<T extends { version: number }>(mesh: T): T {
  return { ...mesh, version: 0 }
}

t.test('a caller whose node is known later is told of the endpoints of its node', (t) => {
  const source = MemorySource.of(`apiVersion: v1
kind: Service
metadata: { name: near, namespace: shop }
spec: { clusterIP: 10.96.0.9, internalTrafficPolicy: Local, ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: near-1, namespace: shop, labels: { kubernetes.io/service-name: near } }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.0.1.1], nodeName: one }, { addresses: [10.0.1.2], nodeName: two }]
`)
  const mesh = createMesh({ source, ...OF_MESH })
  const client: MeshClient = { namespace: 'shop', pod: 'a', takes: SIDECAR }
  const reached = (view: MeshView) =>
    view
      .resource('endpoints', 'shop/near/80', client)
      ?.message.endpoints?.flatMap(({ lbEndpoints }) =>
        lbEndpoints?.map(({ endpoint }) => endpoint?.address?.socketAddress?.address),
      )
  const before = mesh.snapshot.value
  t.same(reached(before), ['10.0.1.1', '10.0.1.2'])
  source.apply([changeOf({ kind: 'Pod', namespace: 'shop', name: 'a', gone: false, value: 1 })])
  const now = mesh.snapshot.value
  t.same(reached(now), ['10.0.1.1'])
  t.ok(now.touchedSince(before.version)?.has('shop/near'), 'its streams are looked at')
  mesh.close()
  t.end()
})
