import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createMesh } from '../control-plane/mesh.ts'
import { MemorySource } from '../control-plane/registry/memory-source.ts'
import { parseManifests } from '../control-plane/registry/parse-manifests.ts'
import { RESOURCE_TYPES, type ResourceType } from '../control-plane/xds/resource.ts'
import { SIDECAR } from '../control-plane/xds/client-takes.ts'
import { clientOf } from '../control-plane/xds/client.ts'
import { silentLogger } from '../core/log.ts'
import { nodeOf } from '../proxy/app/sidecar.ts'
import { decodeResource } from '../proxy/xds/decode.ts'

// Whatever the control plane makes for a sidecar, the proxy takes: every rule's manifests, every resource.
const ROOT = join(import.meta.dirname, '..', 'control-plane', 'golden')
const base = readFileSync(join(ROOT, 'base.yaml'), 'utf8')

/** What sidecars would refuse of what the control plane makes of these manifests; `took` is told of each that they take. */
function refusals(texts: readonly string[], took: (type: ResourceType) => void = () => {}): string[] {
  const mesh = createMesh({
    source: MemorySource.of(base, ...texts),
    trustDomain: 'cluster.local',
    log: silentLogger,
  })
  const view = mesh.snapshot.value
  const found: string[] = []
  for (const workload of view.model.workloads.values()) {
    const client = { namespace: workload.namespace, pod: workload.name, takes: SIDECAR }
    for (const type of RESOURCE_TYPES) {
      for (const name of view.names(type, client)) {
        const resource = view.resource(type, name, client)
        if (!resource) continue
        const decoded = decodeResource(type, { typeUrl: resource.typeUrl, value: resource.body })
        took(type)
        if (!decoded.ok) found.push(`${type} ${name}: ${JSON.stringify(decoded.problems)}`)
      }
    }
  }
  mesh.close()
  return found
}

t.test('the proxy understands every resource that a sidecar is sent', async (t) => {
  const seen = { listener: 0, route: 0, cluster: 0, endpoints: 0 }
  for (const folder of readdirSync(ROOT, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue
    const text = readFileSync(join(ROOT, folder.name, 'manifests.yaml'), 'utf8')
    t.same(
      refusals([text], (type) => seen[type]++),
      [],
      folder.name,
    )
  }
  for (const [type, count] of Object.entries(seen)) t.ok(count > 10, `${count} of ${type}`)
})

/** Sections of TrafficPolicies at both ends of their ranges. */
const ENDS: Readonly<Record<string, readonly object[]>> = {
  loadBalancing: [
    { peakEwma: { decay: '1ms', failurePenalty: '0s' }, slowStart: { window: '1ms', minimumPercent: 1 } },
    { peakEwma: { decay: '1h', failurePenalty: '1h' }, slowStart: { window: '24h', minimumPercent: 100 } },
    { type: 'LeastRequest', leastRequest: { choices: 2 }, slowStart: { window: '1ms' } },
    { type: 'LeastRequest', leastRequest: { choices: 100 }, slowStart: { window: '24h' } },
    { type: 'RoundRobin', panicThresholdPercent: 0, locality: { mode: 'Off' } },
    { type: 'Random', panicThresholdPercent: 100, locality: { mode: 'Prefer' } },
    ...[
      { tableSize: 2 },
      { tableSize: 655_373 },
      { algorithm: 'RingHash', minimumRingSize: 1 },
      { algorithm: 'RingHash', minimumRingSize: 131_072 },
    ].map((table) => ({
      type: 'ConsistentHash',
      consistentHash: {
        ...table,
        hashOn: [{ type: 'Cookie', cookie: { name: 'a', ttl: '0s', path: '/~' } }],
      },
    })),
  ],
  outlierDetection: [
    {
      consecutiveErrors: 1,
      statusCodes: [400],
      grpcStatusCodes: ['CANCELLED'],
      successRate: { belowPercent: 1, window: '1s', minimumRequests: 1 },
      baseEjection: '1ms',
      maximumEjection: '1ms',
      maximumEjectedPercent: 1,
    },
    {
      consecutiveErrors: 1000,
      statusCodes: [499],
      grpcStatusCodes: ['UNAUTHENTICATED'],
      successRate: { belowPercent: 100, window: '1h', minimumRequests: 1_000_000 },
      baseEjection: '24h',
      maximumEjection: '24h',
      maximumEjectedPercent: 100,
    },
  ],
  circuitBreaker: [1, 1_000_000].map((n) => ({
    maximumConnections: n,
    maximumPendingRequests: n,
    maximumRequests: n,
    maximumRetries: n,
  })),
  retryBudget: [
    { percent: 0, minimumPerSecond: 0 },
    { percent: 100, minimumPerSecond: 1_000_000 },
  ],
  healthCheck: [
    {
      type: 'HTTP',
      http: { path: '/', expectedStatuses: [{ start: 100, end: 100 }] },
      interval: '100ms',
      timeout: '1ms',
      unhealthyThreshold: 1,
      healthyThreshold: 1,
    },
    {
      type: 'HTTP',
      http: { path: `/${'~'.repeat(1023)}`, expectedStatuses: [{ start: 599, end: 599 }] },
      interval: '1h',
      timeout: '1h',
      unhealthyThreshold: 100,
      healthyThreshold: 100,
    },
    { type: 'GRPC', grpc: { service: '~'.repeat(253) } },
    { type: 'TCP' },
  ],
  backendFailover: [{ mode: 'Redistribute' }],
  faults: [
    [{ delay: { duration: '1ms', percent: 0 }, abort: { status: 200, percent: 0.0000001 } }],
    [
      {
        delay: { duration: '1h', percent: 100 },
        abort: { status: 599, grpcStatus: 'UNAUTHENTICATED', percent: 99.99999 },
      },
    ],
    [{ matches: [{ header: 'x-~', value: ' ~ ' }], abort: { grpcStatus: 'CANCELLED' } }],
  ],
  rateLimits: [
    [
      { requests: 1, per: '50ms' },
      { requests: 1, per: '50ms', by: { type: 'Caller' } },
    ],
    [
      { requests: 1_000_000, per: '24h' },
      { requests: 1_000_000, per: '24h', by: { type: 'Header', header: 'X-~' } },
    ],
    [{ requests: 1, per: '24h', burst: 1_000_000 }],
    [{ requests: 1_000_000, per: '50ms' }],
  ],
  adaptiveConcurrency: [
    { minimumLimit: 1, maximumLimit: 1 },
    { minimumLimit: 1_000_000, priorityHeader: 'X-~' },
  ],
  hedging: [
    { after: '1ms', maximum: 0 },
    { after: '1h', maximum: 3 },
  ],
}

t.test('the proxy takes what policies may say, at both ends of each range', async (t) => {
  const most = Math.max(...Object.values(ENDS).map((values) => values.length))
  for (let at = 0; at < most; at++) {
    const sections = Object.entries(ENDS).flatMap(([name, values]) =>
      values[at] ? [[name, values[at]]] : [],
    )
    const spec = { targetRefs: [{ kind: 'Namespace', name: 'mesh' }], ...Object.fromEntries(sections) }
    const metadata = { name: 'ends', namespace: 'mesh' }
    const text = JSON.stringify({ apiVersion: 'weft.dev/v1alpha1', kind: 'TrafficPolicy', metadata, spec })
    t.same(parseManifests('ends.yaml', text).errors, [], text)
    t.same(refusals([text]), [], text)
  }
})

t.test('a sidecar says which fields it takes that one of the version before refuses', async (t) => {
  const node = nodeOf({
    pod: { name: 'a', namespace: 'mesh', uid: '', node: '', zone: '', addresses: [] },
  })
  const client = clientOf(node)
  t.equal(client.takes, SIDECAR)
  const mesh = createMesh({
    source: MemorySource.of(base),
    trustDomain: 'cluster.local',
    log: silentLogger,
  })
  const view = mesh.snapshot.value
  const outliers = ({ takes }: typeof client): unknown => {
    const resource = view.resource('cluster', 'mesh/echo/80', { ...client, takes })
    if (!resource) throw new Error('base.yaml has no Service echo')
    const decoded = decodeResource('cluster', { typeUrl: resource.typeUrl, value: resource.body })
    return decoded.ok ? decoded.value.outliers : decoded.problems
  }
  t.match(outliers(client), { consecutiveErrors: { limit: 5, enforcing: 100 }, maxEjectedPercent: 50 })
  const { TAKES: _, ...before } = node.metadata
  t.equal(outliers(clientOf({ ...node, metadata: before })), undefined)
  mesh.close()
})
