import t from 'tap'
import { targetsOf, workloadAuthorization } from './authorization-view.ts'
import { MemorySource } from './registry/memory-source.ts'
import { Translator } from './translate/translate.ts'

const pod = (name: string, ips: readonly string[], sidecar = true): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'payments', labels: { app: 'pay' }, annotations: ANNOTATIONS },
    spec: {
      serviceAccountName: 'pay',
      containers: [
        { name: 'app', ports: [{ containerPort: 8080 }, { containerPort: 5432 }] },
        ...(sidecar ? [{ name: 'weft-proxy' }] : []),
      ],
    },
    status: { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) },
  })
const ANNOTATIONS = {
  'weft.dev/include-inbound-ports': '8080,5432',
  'weft.dev/exclude-inbound-ports': '5432',
}

const slice = (
  name: string,
  addressType: string,
  endpoints: readonly (readonly [string, string])[],
): string =>
  JSON.stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'payments', labels: { 'kubernetes.io/service-name': 'pay' } },
    addressType,
    ports: [{ name: 'http', port: 8080 }],
    endpoints: endpoints.map(([address, of]) => ({
      addresses: [address],
      ...(of === '' ? {} : { targetRef: { kind: 'Pod', namespace: 'payments', name: of } }),
    })),
  })

const MESH = new Translator({ trustDomain: 'cluster.local' }).translate(
  MemorySource.of(
    pod('pay-1', ['10.0.0.1', '2001:db8::1']),
    pod('old', ['10.0.0.2'], false),
    '{ apiVersion: v1, kind: Service, metadata: { name: pay, namespace: payments }, spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] } }',
    slice('pay-4', 'IPv4', [
      ['10.0.0.1', 'pay-1'],
      ['10.0.0.2', 'old'],
      ['10.9.9.9', ''],
    ]),
    slice('pay-6', 'IPv6', [['2001:db8::1', 'pay-1']]),
    `apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: strict, namespace: payments }
spec: { selector: { matchLabels: { app: pay } }, mtls: { mode: STRICT }, portLevelMtls: { "8080": { mode: PERMISSIVE } } }
`,
    `apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: trial, namespace: payments }
spec: { mode: DryRun, targetRefs: [{ kind: Service, group: '', name: pay }], rules: [{ from: [{ source: { namespaces: [shop] } }] }] }
`,
  ).snapshot.value,
)

t.test('what holds at each port of a pod, with where it was said', (t) => {
  const view = workloadAuthorization(MESH, 'payments', 'pay-1')
  t.match(view, {
    identity: 'spiffe://cluster.local/ns/payments/sa/pay',
    addresses: ['10.0.0.1', '2001:db8::1'],
    ports: [
      { port: 5432, mtls: { value: 'STRICT', from: 'PeerAuthentication payments/strict' }, sources: [] },
      {
        port: 8080,
        mtls: { value: 'PERMISSIVE', from: /payments\/strict/ },
        sources: [{ namespace: 'payments', name: 'trial', level: 'Service', target: 'pay', dryRun: true }],
        http: [{ action: 'ALLOW', shadow: [{ name: 'payments/trial/0' }, { name: 'mesh/self' }] }],
      },
      { port: null, protocol: 'auto', mtls: { value: 'STRICT' } },
    ],
  })
  t.strictSame(
    view?.notCovered.map(({ what }) => what),
    ['port 5432', 'every port but 8080, 5432', 'port 15021', 'port 15090', 'loopback', 'UDP and SCTP'],
  )
  t.equal(workloadAuthorization(MESH, 'payments', 'old'), undefined, 'without a sidecar nothing holds')
  t.equal(workloadAuthorization(MESH, 'shop', 'pay-1'), undefined)
  t.strictSame(JSON.parse(JSON.stringify(view)).ports.length, 3, 'it is plain JSON')
  t.end()
})

t.test('the pods behind a port: each once, also of two families, and those without a sidecar', (t) => {
  const { kind, ports, targets } = targetsOf(MESH, 'payments', 'pay', 80)
  t.strictSame([kind, ports], ['Service', [80]])
  t.strictSame(targets, [
    { namespace: 'payments', pod: 'pay-1', address: '10.0.0.1', port: 8080, meshed: true },
    { namespace: 'payments', pod: 'old', address: '10.0.0.2', port: 8080, meshed: false },
    { namespace: 'payments', pod: '', address: '10.9.9.9', port: 8080, meshed: false },
  ])
  t.strictSame(targetsOf(MESH, 'payments', 'pay', 81), { kind: 'Service', ports: [80], targets: [] })
  t.match(targetsOf(MESH, 'payments', 'pay-1', 7), { kind: 'Pod', targets: [{ pod: 'pay-1', port: 7 }] })
  t.match(targetsOf(MESH, 'payments', 'old', 7), { kind: 'none', targets: [] })
  t.end()
})
