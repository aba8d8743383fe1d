/** Flow style, which is YAML and JSON. */
const text = (objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join('\n---\n')

/** A Deployment of one pod without a ServiceAccount of its own. */
function deployment(
  name: string,
  namespace: string,
  program: string,
  metadata: object = {},
  image = 'demo',
): object {
  const labels = { app: name }
  const container = {
    name: 'app',
    image: `weft.dev/${image}:v1`,
    command: ['node', program],
    ...(program === 'idle.ts' ? {} : { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }),
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, ...metadata },
        spec: { terminationGracePeriodSeconds: 1, containers: [container] },
      },
    },
  }
}

const namespace = (name: string, labels: object = {}, annotations: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels, annotations },
})
const service = (name: string, namespace: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 8080 }] },
})

/**
 * Two callers and two services, one of which calls itself by the name and the namespace of the other; a tenth of what is for
 * `split` goes nowhere, and what is for `orders` is read wrong.
 */
export const MANIFESTS: Readonly<Record<string, string>> = {
  'mesh.yaml': text([
    namespace('shop', { 'weft.dev/inject': 'enabled' }),
    namespace(
      'other',
      { 'weft.dev/inject': 'enabled' },
      { 'weft.dev/access-log': 'all', 'weft.dev/tap': 'off' },
    ),
    namespace('legacy'),
    deployment('orders', 'shop', 'catalog.ts'),
    service('orders', 'shop'),
    service('split', 'shop'),
    deployment('front', 'other', 'front.ts', { annotations: { 'weft.dev/stitch-traces': 'on' } }, 'front'),
    service('front', 'other'),
    deployment('client', 'shop', 'idle.ts'),
    deployment('client', 'legacy', 'idle.ts'),
    deployment('pretender', 'other', 'catalog.ts', {
      annotations: {
        'resource.opentelemetry.io/service.name': 'orders',
        'resource.opentelemetry.io/service.namespace': 'shop',
      },
    }),
    service('pretender', 'other'),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'split', namespace: 'shop' },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'split', port: 8080 }],
        rules: [
          {
            backendRefs: [
              { name: 'orders', port: 8080, weight: 90 },
              { name: 'nowhere', port: 8080, weight: 10 },
            ],
          },
        ],
      },
    },
  ]),
}
