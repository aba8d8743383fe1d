import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import { Cluster, type Cluster as WireCluster, type HealthCheck } from '../../core/xds/generated/envoy.js'
import { decodeResource } from './decode.ts'

const COMMON: HealthCheck = { timeout: 1000, interval: 5000, unhealthyThreshold: 3, healthyThreshold: 2 }

function decoded(change: Partial<HealthCheck>, more: Partial<WireCluster> = {}) {
  const result = decodeResource(
    'cluster',
    packAny(Cluster, {
      name: 'shop',
      type: 'EDS',
      edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } },
      healthChecks: [{ ...COMMON, ...change }],
      ...more,
    }),
  )
  return result.ok ? result.value.healthCheck : result.problems
}

t.test('what is not said has a default, and the cluster names itself', async (t) => {
  t.same(decoded({ httpHealthCheck: { path: '/healthz' } }), {
    probe: { kind: 'http', method: 'GET', host: 'shop', path: '/healthz', expected: [[200, 201]] },
    timeoutMs: 1000,
    intervalMs: 5000,
    noTrafficIntervalMs: 60_000,
    unhealthyIntervalMs: 5000,
    jitterMs: 500,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
  })
  t.match(decoded({ tcpHealthCheck: {}, intervalJitter: 0 }), { probe: { kind: 'tcp' }, jitterMs: 0 })
  t.match(decoded({ grpcHealthCheck: {} }, { http2ProtocolOptions: {} }), {
    probe: { kind: 'grpc', service: '', authority: 'shop' },
  })
})

t.test('what can not be done is refused by its name', async (t) => {
  const check = 'health_checks[0]'
  for (const [change, problem] of [
    [{}, `${check}: needs http_health_check, grpc_health_check or tcp_health_check`],
    [{ tcpHealthCheck: {}, interval: 0 }, `${check}.interval: must be above 0`],
    [{ tcpHealthCheck: {}, healthyThreshold: 0 }, `${check}.healthy_threshold: must be at least 1`],
    [{ tcpHealthCheck: {}, timeout: undefined }, `${check}.timeout: is required`],
    [{ grpcHealthCheck: {} }, `${check}.grpc_health_check: needs a cluster that speaks HTTP/2`],
    [
      { httpHealthCheck: { path: 'healthz' } },
      `${check}.http_health_check.path: must begin with / and hold printable ASCII alone`,
    ],
    [
      { httpHealthCheck: { path: '/', expectedStatuses: [{ start: 300n, end: 200n }] } },
      `${check}.http_health_check.expected_statuses[0]: must go from 100 at least up to 600 at most, its end not included`,
    ],
  ] as const)
    t.same(decoded(change), [problem])
  const tcp = { ...COMMON, tcpHealthCheck: {} }
  t.same(decoded({}, { healthChecks: [tcp, tcp] }), ['health_checks[1]: is one too many'])
  t.same(decoded({}, { type: 'ORIGINAL_DST', edsClusterConfig: undefined, healthChecks: [tcp] }), [
    'health_checks: has nothing to choose from in type ORIGINAL_DST',
  ])
})
