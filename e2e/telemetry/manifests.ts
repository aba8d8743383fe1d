/** Flow style, which is YAML and JSON. */
const text = (objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join('\n---\n')

/** Everything is traced, logged, and told to the collector. */
const ALL_OF_IT = {
  'weft.dev/trace-sampling': '1',
  'weft.dev/access-log': 'all',
  'weft.dev/access-log-otlp': 'on',
}

interface Program {
  readonly name: string
  readonly namespace: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly ready?: { readonly path: string; readonly port: number }
  readonly image?: string
}

/** A Deployment of one pod with a ServiceAccount of its own. */
function deployment({ name, namespace, command, env = {}, labels, ready, image = 'weft.dev/demo' }: Program) {
  const all = { app: name, ...labels }
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: all, annotations: namespace === 'shop' ? ALL_OF_IT : {} },
          spec: {
            serviceAccountName: name,
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'app',
                image: `${image}:v1`,
                command,
                env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
                ...(ready && { readinessProbe: { httpGet: ready, periodSeconds: 1 } }),
              },
            ],
          },
        },
      },
    },
  ]
}

const demo = (name: string, program: string, more: Partial<Program> = {}) =>
  deployment({
    name,
    namespace: 'shop',
    command: ['node', program],
    ready: { path: '/healthz', port: 8080 },
    ...more,
  })

const idle = (name: string, namespace: string) =>
  deployment({ name, namespace, command: ['node', 'idle.ts'] })

const service = (name: string, namespace: string, selector: object, ports: readonly number[]) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector, ports: ports.map((port) => ({ name: `http-${port}`, port })) },
})

const inShop = (name: string, selector: object = { app: name }) => service(name, 'shop', selector, [8080])

const namespace = (name: string, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, ...metadata },
})

const MESH = [
  namespace('shop', { labels: { 'weft.dev/inject': 'enabled' } }),
  namespace('legacy'),
  ...idle('client', 'shop'),
  ...idle('intruder', 'shop'),
  ...idle('client', 'legacy'),
  ...demo('web', 'web.ts'),
  inShop('web'),
  ...demo('catalog-v1', 'catalog.ts', { labels: { service: 'catalog', 'app.kubernetes.io/version': 'v1' } }),
  ...demo('catalog-v2', 'catalog.ts', { labels: { service: 'catalog', 'app.kubernetes.io/version': 'v2' } }),
  inShop('catalog', { service: 'catalog' }),
  inShop('catalog-v1'),
  inShop('catalog-v2'),
  ...demo('inventory', 'inventory.ts'),
  inShop('inventory'),
  ...demo('broken', 'inventory.ts', { env: { FAIL_SHARE: '1' } }),
  inShop('broken'),
  inShop('nobody'),
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'catalog', namespace: 'shop' },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'catalog', port: 8080 }],
      rules: [
        {
          backendRefs: [
            { name: 'catalog-v1', port: 8080, weight: 50 },
            { name: 'catalog-v2', port: 8080, weight: 50 },
          ],
        },
      ],
    },
  },
  {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Canary',
    metadata: { name: 'catalog', namespace: 'shop' },
    spec: {
      routeRef: { kind: 'HTTPRoute', name: 'catalog' },
      stable: { name: 'catalog-v1', port: 8080 },
      canary: { name: 'catalog-v2', port: 8080 },
      interval: '1s',
      warmup: '0s',
      // Stays there: both versions get requests for as long as this runs.
      steps: [{ weight: 50, hold: '10h' }],
    },
  },
  {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'catalog', namespace: 'shop' },
    spec: {
      selector: { matchLabels: { service: 'catalog' } },
      rules: [
        { from: [{ source: { principals: ['client', 'web'].map((name) => `*/ns/shop/sa/${name}`) } }] },
      ],
    },
  },
]

const prometheus = (name: string, features: string) => [
  ...deployment({
    name,
    namespace: 'observability',
    image: 'weft.dev/prometheus',
    command: [
      './prometheus',
      '--config.file=prometheus.yaml',
      '--storage.tsdb.path=/tmp/data',
      `--enable-feature=${features}`,
      '--web.listen-address=:9090',
    ],
    ready: { path: '/-/ready', port: 9090 },
  }),
  service(name, 'observability', { app: name }, [9090]),
]

/** The programs of others beside the mesh, each in a folder of its own that the test fills. */
const COLLECTING = [
  namespace('observability'),
  ...deployment({
    name: 'jaeger',
    namespace: 'observability',
    image: 'weft.dev/jaeger',
    env: { OTEL_TRACES_SAMPLER: 'always_off' },
    command: [
      './jaeger',
      '--collector.otlp.grpc.host-port=:4317',
      '--query.http-server.host-port=:16686',
      '--admin.http.host-port=:14269',
    ],
    ready: { path: '/', port: 14269 },
  }),
  service('jaeger-collector', 'observability', { app: 'jaeger' }, [4317]),
  service('jaeger-query', 'observability', { app: 'jaeger' }, [16686]),
  ...deployment({
    name: 'collector',
    namespace: 'observability',
    image: 'weft.dev/otelcol',
    command: ['./otelcol', '--config=collector.yaml'],
    ready: { path: '/metrics', port: 8888 },
  }),
  service('collector', 'observability', { app: 'collector' }, [4317, 8888, 8889]),
  ...prometheus('prometheus', 'exemplar-storage'),
  // This version takes either kind of a histogram, and prefers native ones.
  ...prometheus('prometheus-native', 'native-histograms'),
]

/**
 * A shop of four services, one of which always fails and one that has no pods, a Canary at its one step, a caller whom
 * the catalog does not let in and one without sidecar; and Prometheus, Jaeger and a Collector.
 */
export const MANIFESTS: Readonly<Record<string, string>> = {
  'mesh.yaml': text(MESH),
  'collecting.yaml': text(COLLECTING),
}
