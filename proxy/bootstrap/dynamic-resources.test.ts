import t from 'tap'
import { newRoot } from '../testing/mesh-identity.ts'
import { readBootstrap } from './bootstrap.ts'
import { example, replaced } from './testing/examples.ts'

const ROOT = newRoot().certificate.toString()

function problemsOf(changes: Readonly<Record<string, string>>): string[] {
  const text = replaced(example('dynamic.yaml'), changes)
  const result = readBootstrap(text, { fileName: 'p', readFile: () => ROOT })
  return result.ok ? [] : result.problems.map((problem) => problem.replace(/^p:\d+:\d+: /, ''))
}

const SERVICE = 'dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name'

const [ASSIGNMENT = ''] =
  / {6}load_assignment:[^]*?(?= {6}transport_socket:)/.exec(example('dynamic.yaml')) ?? []

const GOLDEN: readonly (readonly [title: string, changes: Record<string, string>, ...problems: string[]])[] =
  [
    ['the example', { DELTA_GRPC: 'GRPC' }],
    [
      'a stream that is not aggregated',
      { 'api_type: DELTA_GRPC': 'api_type: REST' },
      'dynamic_resources.ads_config.api_type: REST is not supported: use GRPC or DELTA_GRPC',
    ],
    [
      'another version of the protocol',
      { 'transport_api_version: V3': 'transport_api_version: V2' },
      'dynamic_resources.ads_config.transport_api_version: V2 is not supported: use V3',
    ],
    [
      'a cluster that is not there',
      { 'cluster_name: control-plane }': 'cluster_name: istiod }' },
      `${SERVICE}: there is no cluster "istiod" in static_resources: add it`,
    ],
    [
      'a cluster that speaks HTTP/1.1',
      {
        'explicit_http_config: { http2_protocol_options: {} }':
          'explicit_http_config: { http_protocol_options: {} }',
      },
      'static_resources.clusters[0]: carries gRPC and needs explicit_http_config: {http2_protocol_options: {}} in typed_extension_protocol_options',
    ],
    [
      'a cluster without an endpoint',
      { 'type: STRICT_DNS': 'type: ORIGINAL_DST', [ASSIGNMENT]: '' },
      `${SERVICE}: the cluster "control-plane" must be STATIC or STRICT_DNS with exactly one endpoint`,
    ],
    ['nobody who asks', { '  id: catalog-7d9f.shop\n': '' }, 'node.id: is required with dynamic_resources'],
    [
      'a file as the source',
      { 'lds_config: { ads: {},': 'lds_config: { path: /x,' },
      'dynamic_resources.lds_config.path: is not supported: remove it',
      'dynamic_resources.lds_config.ads: is required',
    ],
  ]

for (const [title, changes, ...problems] of GOLDEN) {
  t.test(title, async (t) => t.same(problemsOf(changes).toSorted(), problems.toSorted()))
}
