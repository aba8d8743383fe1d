import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import {
  Cluster,
  ClusterLoadAssignment,
  RouteConfiguration,
  type Cluster as WireCluster,
  type RouteAction_HashPolicy,
} from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import type { Balancing } from '../model/balancing.ts'
import { decodeResource } from './decode.ts'

function read(change: Partial<WireCluster>) {
  const wire: WireCluster = {
    name: 'c',
    type: 'EDS',
    edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } },
    ...change,
  }
  return decodeResource('cluster', packAny(Cluster, wire))
}

function balancing(change: Partial<WireCluster>): Balancing {
  const result = read(change)
  if (!result.ok) throw new Error(result.problems.join())
  return result.value.balancing
}

function problems(change: Partial<WireCluster>): readonly string[] {
  const result = read(change)
  return result.ok ? [] : result.problems
}

const peakEwma = (settings: JsonObject): Partial<WireCluster> => ({
  lbPolicy: 'LEAST_REQUEST',
  metadata: { filterMetadata: { 'weft.dev': { peakEwma: settings } } },
})

t.test("Envoy's defaults, where a field is not there", async (t) => {
  t.same(balancing({}), {
    policy: { kind: 'round-robin', slowStart: undefined },
    panicThresholdPercent: 50,
    localities: { kind: 'together' },
  })
  t.same(balancing({ lbPolicy: 'LEAST_REQUEST' }).policy, {
    kind: 'least-request',
    choices: 2,
    activeRequestBias: 1,
    slowStart: undefined,
  })
  t.same(balancing({ lbPolicy: 'RING_HASH' }).policy, {
    kind: 'ring-hash',
    minimumSize: 1024,
    maximumSize: 16_384,
  })
  t.same(balancing({ lbPolicy: 'MAGLEV' }).policy, { kind: 'maglev', tableSize: 65_537 })
  t.same(balancing({ commonLbConfig: { zoneAwareLbConfig: {} } }).localities, {
    kind: 'zone-aware',
    percent: 100,
    minimumEndpoints: 6,
  })
  const slowStartConfig = { slowStartWindow: 30_000 }
  t.same(balancing({ lbPolicy: 'ROUND_ROBIN', roundRobinLbConfig: { slowStartConfig } }).policy, {
    kind: 'round-robin',
    slowStart: { windowMs: 30_000, aggression: 1, minimumPercent: 10 },
  })
})

t.test('peak EWMA is asked for by metadata', async (t) => {
  t.same(balancing(peakEwma({})).policy, {
    kind: 'peak-ewma',
    decayMs: 10_000,
    penaltyMs: 5000,
    slowStart: undefined,
  })
  t.same(balancing(peakEwma({ decayMs: 1, penaltyMs: 0, slowStartMs: 5, minWeightPercent: 20 })).policy, {
    kind: 'peak-ewma',
    decayMs: 1,
    penaltyMs: 0,
    slowStart: { windowMs: 5, aggression: 1, minimumPercent: 20 },
  })
})

t.test('what cannot be done is refused by its name', async (t) => {
  const at = 'metadata.filter_metadata[weft.dev].peakEwma'
  const bad: readonly (readonly [Partial<WireCluster>, RegExp])[] = [
    [{ lbPolicy: 'LEAST_REQUEST', leastRequestLbConfig: { choiceCount: 1 } }, /choice_count: .*at least 2/],
    [
      { lbPolicy: 'LEAST_REQUEST', leastRequestLbConfig: { activeRequestBias: { defaultValue: -1 } } },
      /active_request_bias.default_value: .*0 or above/,
    ],
    [
      { lbPolicy: 'RANDOM', maglevLbConfig: {} },
      /maglev_lb_config: .*belongs to lb_policy MAGLEV, not RANDOM/,
    ],
    [{ lbPolicy: 'MAGLEV', maglevLbConfig: { tableSize: 65_536n } }, /table_size: .*prime number/],
    [{ lbPolicy: 'MAGLEV', maglevLbConfig: { tableSize: 5_000_077n } }, /table_size: .*5000011 at most/],
    [
      { lbPolicy: 'RING_HASH', ringHashLbConfig: { minimumRingSize: 2000n, maximumRingSize: 1000n } },
      /minimum_ring_size: .*not be above maximum_ring_size/,
    ],
    [
      { lbPolicy: 'RING_HASH', ringHashLbConfig: { maximumRingSize: 8_388_608n } },
      /maximum_ring_size: .*1 to 1048576/,
    ],
    [
      { commonLbConfig: { healthyPanicThreshold: { value: 101 } } },
      /healthy_panic_threshold.value: .*0 to 100/,
    ],
    [
      { commonLbConfig: { zoneAwareLbConfig: { routingEnabled: { value: -1 } } } },
      /zone_aware_lb_config.routing_enabled.value: .*0 to 100/,
    ],
    [peakEwma({ decayMs: 0 }), /peakEwma.decayMs: .*above 0/],
    [peakEwma({ penaltyMs: 'x' }), /peakEwma.penaltyMs: .*a number/],
    [peakEwma({ decay: 1 }), /peakEwma.decay: .*only decayMs, penaltyMs/],
    [peakEwma({ aggression: 2 }), /peakEwma.aggression: .*belongs to slowStartMs/],
    [peakEwma({ slowStartMs: 5, aggression: 0 }), /peakEwma.aggression: .*above 0/],
    [{ ...peakEwma({}), lbPolicy: 'RANDOM' }, /peakEwma: .*belongs to lb_policy LEAST_REQUEST, not RANDOM/],
    [{ ...peakEwma({}), leastRequestLbConfig: {} }, /peakEwma: .*excludes least_request_lb_config/],
    [
      { ...peakEwma({}), metadata: { filterMetadata: { 'weft.dev': { peakEwma: 5 } } } },
      /peakEwma: .*must be an object/,
    ],
  ]
  for (const [change, problem] of bad) t.match(problems(change), [problem], String(problem))
  t.ok(problems(peakEwma({ decayMs: 0 }))[0]?.startsWith(`${at}.decayMs`))
})

t.test('priority and locality stand at each endpoint of theirs', async (t) => {
  const lbEndpoint = (portValue: number) => ({
    endpoint: { address: { socketAddress: { address: '10.0.0.1', portValue } } },
  })
  const read = (priority: number) =>
    decodeResource(
      'endpoints',
      packAny(ClusterLoadAssignment, {
        clusterName: 'c',
        endpoints: [
          { lbEndpoints: [lbEndpoint(1)] },
          { lbEndpoints: [lbEndpoint(2)], priority, locality: { zone: 'a' }, loadBalancingWeight: 3 },
        ],
      }),
    )
  const result = read(1)
  if (!result.ok) return t.fail(result.problems.join())
  const [first, second] = result.value.endpoints
  t.same([first?.priority, first?.locality], [undefined, undefined])
  t.same([second?.priority, second?.locality], [1, { region: '', zone: 'a', subZone: '', weight: 3 }])
  const bad = read(129)
  t.match(bad.ok ? [] : bad.problems, [/endpoints\[1\].priority: .*128 at most/])
})

t.test('what decides by a hash, and what cannot', async (t) => {
  const read = (hashPolicy: readonly RouteAction_HashPolicy[]) => {
    const routes = [{ match: { prefix: '/' }, route: { cluster: 'c', hashPolicy } }]
    const virtualHosts = [{ name: 'all', domains: ['*'], routes }]
    const result = decodeResource('route', packAny(RouteConfiguration, { name: 'r', virtualHosts }))
    const action = result.ok ? result.value.virtualHosts[0]?.routes[0]?.action : undefined
    return {
      problems: result.ok ? [] : result.problems,
      policies: action?.kind === 'forward' && action.hashPolicies,
    }
  }
  t.same(read([]).policies, undefined)
  t.same(
    read([
      { header: { headerName: 'X-User' }, terminal: true },
      { cookie: { name: 'id', ttl: 0 } },
      { queryParameter: { name: 'q' } },
      { connectionProperties: { sourceIp: true } },
    ]).policies,
    [
      { kind: 'header', name: 'x-user', terminal: true },
      { kind: 'cookie', name: 'id', path: '', ttlMs: 0, terminal: false },
      { kind: 'query', name: 'q', terminal: false },
      { kind: 'source-ip', terminal: false },
    ],
  )
  t.match(read([{ cookie: { name: 'a b' } }]).problems, [/hash_policy\[0\].cookie.name: .*name of a cookie/])
  t.match(read([{ cookie: { name: 'a', path: '/;x' } }]).problems, [/cookie.path: .*no ;/])
  t.match(read([{ terminal: true }]).problems, [/hash_policy\[0\]: .*needs header, cookie/])
  t.match(read([{ header: {} }]).problems, [/hash_policy\[0\].header.header_name: .*required/])
})
