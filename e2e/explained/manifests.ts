/** Flow style, which is YAML and JSON. */
const text = (objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join('\n---\n')

const namespace = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'weft.dev/inject': 'enabled' } },
})

function deployment(name: string, inNamespace: string, program: string): object {
  const labels = { app: name }
  const container = {
    name: 'app',
    image: 'weft.dev/demo:v1',
    command: ['node', program],
    ...(program === 'idle.ts' ? {} : { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }),
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: inNamespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } },
    },
  }
}

const policy = (name: string, spec: object): object => ({
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'AuthorizationPolicy',
  metadata: { name, namespace: 'payments' },
  spec,
})

/** Who may call `pay`: namespaces by name. */
export const callers = (...namespaces: readonly string[]): string =>
  text([
    policy('pay', {
      targetRefs: [{ group: '', kind: 'Service', name: 'pay' }],
      rules: [
        {
          from: [{ source: { namespaces } }],
          to: [{ operation: { ports: [8080], methods: ['GET'], paths: ['/items/*'] } }],
        },
        { to: [{ operation: { ports: [9000] } }] },
      ],
    }),
  ])

/** `pay` for the shop, at its port of TCP (where nobody listens) for everybody but `other`. */
export const MANIFESTS: Readonly<Record<string, string>> = {
  'mesh.yaml': text([
    ...['shop', 'other', 'payments'].map(namespace),
    deployment('pay', 'payments', 'catalog.ts'),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'pay', namespace: 'payments' },
      spec: {
        selector: { app: 'pay' },
        ports: [
          { name: 'http', port: 80, targetPort: 8080 },
          { name: 'tcp-ledger', port: 9000 },
        ],
      },
    },
    deployment('web', 'shop', 'idle.ts'),
    deployment('intruder', 'other', 'idle.ts'),
    policy('no-ledger', {
      action: 'DENY',
      rules: [{ from: [{ source: { namespaces: ['other'] } }], to: [{ operation: { ports: [9000] } }] }],
    }),
  ]),
  'callers.yaml': callers('shop'),
}
