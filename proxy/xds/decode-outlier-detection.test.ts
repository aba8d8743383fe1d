import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import { Cluster, type Cluster as WireCluster } from '../../core/xds/generated/envoy.js'
import type { JsonValue } from '../../core/xds/well-known.ts'
import { GRPC_FAILURES } from '../model/outlier-detection.ts'
import { decodeResource } from './decode.ts'

function decoded(change: Partial<WireCluster>) {
  const result = decodeResource(
    'cluster',
    packAny(Cluster, {
      name: 'c',
      type: 'EDS',
      edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } },
      ...change,
    }),
  )
  return result.ok ? result.value.outliers : result.problems
}

const extra = (outlier: JsonValue): Partial<WireCluster> => ({
  metadata: { filterMetadata: { 'weft.dev': { outlier } } },
})

t.test("without a field it is Envoy's default, and without the message nothing is ejected", async (t) => {
  t.equal(decoded({}), undefined)
  t.same(decoded({ outlierDetection: {} }), {
    consecutiveErrors: { limit: 5, enforcing: 100 },
    consecutiveGatewayFailures: { limit: 5, enforcing: 0 },
    intervalMs: 10_000,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectedPercent: 10,
    successRate: { enforcing: 100, minimumHosts: 5, requestVolume: 100, stdevFactor: 1900 },
    failurePercentage: { enforcing: 0, minimumHosts: 5, requestVolume: 50, threshold: 85 },
    statuses: [],
    grpcStatuses: GRPC_FAILURES,
  })
  t.match(decoded({ outlierDetection: { baseEjectionTime: 400_000 } }), { maxEjectionMs: 400_000 })
})

t.test('what counts as failure beside 5xx is said in metadata', async (t) => {
  const outlierDetection = {}
  t.match(decoded({ outlierDetection, ...extra({ statuses: [429] }) }), {
    statuses: [429],
    grpcStatuses: GRPC_FAILURES,
  })
  t.match(decoded({ outlierDetection, ...extra({ grpcStatuses: [8, 14] }) }), { grpcStatuses: [8, 14] })
})

t.test('what can not be done is refused by its name', async (t) => {
  const at = 'metadata.filter_metadata[weft.dev].outlier'
  const outlierDetection = {}
  for (const [change, problem] of [
    [
      { outlierDetection: { maxEjectionPercent: 101 } },
      'outlier_detection.max_ejection_percent: must be at most 100',
    ],
    [{ outlierDetection: { interval: 0 } }, 'outlier_detection.interval: must be above 0'],
    [
      { outlierDetection: { maxEjectionTime: 10_000 } },
      'outlier_detection.max_ejection_time: must be at least base_ejection_time (30 s unless set)',
    ],
    [extra({ statuses: [429] }), `${at}: belongs to outlier_detection`],
    [{ outlierDetection, ...extra('x') }, `${at}: must be an object of statuses and grpcStatuses`],
    [
      { outlierDetection, ...extra({ status: [429] }) },
      `${at}.status: is not supported: only statuses, grpcStatuses is`,
    ],
    [
      { outlierDetection, ...extra({ statuses: [200] }) },
      `${at}.statuses: must be a list of whole numbers from 400 to 599`,
    ],
    [
      { outlierDetection, ...extra({ grpcStatuses: ['UNAVAILABLE'] }) },
      `${at}.grpcStatuses: must be a list of whole numbers from 1 to 16`,
    ],
  ] as const)
    t.same(decoded(change), [problem])
  t.same(decoded({ type: 'ORIGINAL_DST', edsClusterConfig: undefined, outlierDetection }), [
    'outlier_detection: has nothing to choose from in type ORIGINAL_DST',
  ])
})
