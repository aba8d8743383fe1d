import { createPublicKey } from 'node:crypto'
import { createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'

export const IMAGE = 'test/services'
export const SHARES = { 'echo-v1': 3, 'echo-v2': 1, nobody: 1 } as const

const PORTS = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'tcp', port: 9000 },
  { name: 'tls', port: 8443 },
]
const GATEWAY_API = 'gateway.networking.k8s.io/v1'

/** Of a Service without a selector, that has one endpoint by address alone. */
export function handWritten(service: string, address: string): string {
  return JSON.stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: service, namespace: 'shop', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: PORTS.map(({ name, port, targetPort }) => ({ name, port: targetPort ?? port })),
    endpoints: [{ addresses: [address] }],
  })
}

/** A Service whose ports change: port 80 leads to one of two ports of its pod, and beside it is one that comes and goes. */
export function changing(edit: number): string {
  const http = { name: edit % 2 === 0 ? 'http' : 'web', port: 80, targetPort: edit % 3 === 0 ? 8080 : 8081 }
  const ports = [http, { name: 'other', port: 8100 + edit, targetPort: 8080 }]
  return JSON.stringify(
    service('changing', { selector: { version: 'v1' }, ports: edit % 2 === 0 ? ports : ports.toReversed() }),
  )
}

/** A namespace of its own, with a pod behind a Service. */
export function leavingNamespace(): string {
  const namespace = 'leaving'
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'visitor', namespace, labels: { app: 'visitor' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [container({ TLS_CERT: '', TLS_KEY: '' }, [{ name: 'web', containerPort: 8080 }])],
    },
  }
  const spec = { selector: { app: 'visitor' }, ports: PORTS }
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'weft.dev/inject': 'enabled' } },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'visitor', namespace }, spec },
    pod,
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n')
}

type Labels = Readonly<Record<string, string>>

function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec }
}

/** Of labels, with all three ports, unless `more` says otherwise. */
function of(selector: Labels, more: object = {}): object {
  return { selector, ports: PORTS, ...more }
}

function container(env: Labels, ports: readonly object[]): object {
  const values = Object.entries(env).map(([name, value]) => ({ name, value }))
  return {
    name: 'app',
    image: `${IMAGE}:v1`,
    command: ['node', 'server.ts'],
    env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }, ...values],
    ports,
    readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
  }
}

function route(kind: string, name: string, port: number, more: object): object {
  const parentRefs = [{ group: '', kind: 'Service', name: 'echo', port }]
  return {
    apiVersion: GATEWAY_API,
    kind,
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs, ...more },
  }
}

/** Of documentation (RFC 5737, RFC 3849): nobody has them. */
export const EXTERNAL = '192.0.2.10'
export const EXTERNAL6 = '2001:db8::10'

/** Everything that the calls of the test meet, as one text of manifests. */
export function manifests(): string {
  const key = generateKey()
  const root = createRoot('example', Date.now())
  const named = { dnsNames: ['shop.example'], publicKey: createPublicKey(key), now: Date.now() }
  const tls = { TLS_CERT: certificatesPem(issueServer(root, named).chain), TLS_KEY: privateKeyPem(key) }
  const pod = (name: string, labels: Labels, web: number): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels },
    spec: {
      serviceAccountName: name,
      terminationGracePeriodSeconds: 30,
      containers: [container(tls, [{ name: 'web', containerPort: web }])],
    },
  })
  const account = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: 'shop' },
  })
  const backend = (name: string, port: number, weight = 1): object => ({ name, port, weight })
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } },
    },
    // Nothing but mutual TLS between sidecars gets in: whatever is answered came through both.
    {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'PeerAuthentication',
      metadata: { name: 'default', namespace: 'shop' },
      spec: { mtls: { mode: 'STRICT' } },
    },
    ...['echo-v1', 'echo-v2', 'db', 'leaving'].map(account),
    pod('echo-v1', { app: 'echo', version: 'v1', set: 'all', pair: 'yes' }, 8080),
    pod('echo-v2', { app: 'echo', version: 'v2', set: 'all' }, 8081),
    pod('leaving', { pair: 'yes' }, 8080),
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db', namespace: 'shop' },
      spec: {
        replicas: 2,
        serviceName: 'db',
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: { app: 'db' } },
        template: {
          metadata: { labels: { app: 'db', set: 'all' } },
          spec: {
            serviceAccountName: 'db',
            terminationGracePeriodSeconds: 0,
            containers: [container(tls, [{ name: 'web', containerPort: 8080 }])],
          },
        },
      },
    },
    service('echo', of({ app: 'echo' })),
    service('echo-v1', of({ version: 'v1' })),
    service('echo-v2', of({ version: 'v2' })),
    // Two Services on one port of the pods, one of which says nothing of what it speaks.
    service('second', of({ app: 'echo' }, { ports: [{ name: 'other', port: 81, targetPort: 8080 }] })),
    service('by-name', of({ app: 'echo' }, { ports: [{ name: 'http', port: 80, targetPort: 'web' }] })),
    service('db', of({ app: 'db' }, { clusterIP: 'None' })),
    service('db-any', of({ 'statefulset.kubernetes.io/pod-name': 'db-0' })),
    service('alias', { type: 'ExternalName', externalName: 'echo-v1.shop.svc.cluster.local' }),
    service('empty', of({ app: 'nobody' })),
    service('manual', { ports: PORTS }),
    service(
      'outside',
      of({ version: 'v2' }, { externalIPs: [EXTERNAL, EXTERNAL6], internalTrafficPolicy: 'Local' }),
    ),
    service('dual', of({ version: 'v2' }, { ipFamilyPolicy: 'RequireDualStack' })),
    service('sticky', of({ set: 'all' }, { sessionAffinity: 'ClientIP' })),
    service('published', of({ version: 'v2' }, { publishNotReadyAddresses: true })),
    service('pair', of({ pair: 'yes' })),
    route('TCPRoute', 'by-weight', 9000, {
      rules: [{ backendRefs: Object.entries(SHARES).map(([name, weight]) => backend(name, 9000, weight)) }],
    }),
    route('TLSRoute', 'one', 8443, {
      hostnames: ['one.example'],
      rules: [{ backendRefs: [backend('echo-v1', 8443)] }],
    }),
    route('TLSRoute', 'two', 8443, {
      hostnames: ['*.example'],
      rules: [{ backendRefs: [backend('echo-v2', 8443)] }],
    }),
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n')
}
