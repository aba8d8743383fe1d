import t from 'tap'
import { createLogger } from '../../core/log.ts'
import { createMesh } from '../mesh.ts'
import { MemorySource } from '../registry/memory-source.ts'
import { proxyProblems } from './mesh-problems.ts'

const MANIFESTS = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { weft.dev/inject: 'true' } }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules: [{ backendRefs: [{ name: wbe, port: 80 }, { name: web, port: 81 }] }]
`

t.test('what is wrong with objects of a cluster is told until it is mended', async (t) => {
  const source = MemorySource.of(MANIFESTS)
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: createLogger('test', 'error') })
  t.teardown(() => mesh.close())
  t.match(mesh.problems(), [
    {
      kind: 'HTTPRoute',
      namespace: 'shop',
      name: 'web',
      field: 'spec.rules[0].backendRefs[0].name',
      severity: 'error',
      message: 'Service shop/wbe is not there',
      remedy: 'did you mean web?',
    },
    { field: 'spec.rules[0].backendRefs[1].port', remedy: 'its TCP ports are 80 (http)' },
    {
      kind: 'Namespace',
      namespace: '',
      name: 'shop',
      field: 'metadata.labels["weft.dev/inject"]',
      remedy: 'write weft.dev/inject: enabled',
    },
  ])
  source.errors.set([
    {
      origin: 'PeerAuthentication shop/strict',
      line: undefined,
      object: { kind: 'PeerAuthentication', namespace: 'shop', name: 'strict' },
      field: 'spec.mtls.mode',
      message: 'must be one of STRICT, PERMISSIVE, got "STRIKT"',
    },
  ])
  const told = mesh.problems().find(({ kind }) => kind === 'PeerAuthentication')
  t.match(told, { file: null, line: null, name: 'strict', remedy: 'did you mean STRICT?' })
  source.errors.set([])
  source.put(MANIFESTS.replace("'true'", 'enabled').replace('wbe', 'web').replace('81', '80'))
  t.strictSame(mesh.problems(), [])
})

t.test('a Canary that can move nothing is told, with what helps', (t) => {
  const canary = (name: string, route: string, next: string) => `
apiVersion: weft.dev/v1alpha1
kind: Canary
metadata: { name: ${name}, namespace: shop }
spec:
  routeRef: { kind: HTTPRoute, name: ${route} }
  stable: { name: web, port: 80 }
  canary: { name: ${next}, port: 80 }
  steps: [{ weight: 10 }]
`
  const manifests = MANIFESTS.replace("'true'", 'enabled').replace('wbe', 'next').replace('81', '80')
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: { name: next, namespace: shop }\nspec: { clusterIP: 10.96.0.2, ports: [{ port: 80, appProtocol: http }] }\n'
  const source = MemorySource.of(
    manifests,
    service,
    canary('a', 'web', 'next'),
    canary('b', 'web', 'next'),
    canary('c', 'wbe', 'next'),
  )
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: createLogger('test', 'error') })
  t.teardown(() => mesh.close())
  t.match(
    mesh.problems().map(({ name, message }) => `${name}: ${message}`),
    ['b: HTTPRoute shop/web is moved by Canary a already', 'c: HTTPRoute shop/wbe is not there'],
  )
  source.put(canary('a', 'web', 'other'))
  t.match(mesh.problems()[0], { name: 'a', message: /has both web:80 and other:80/, remedy: /with weight 0/ })
  t.end()
})

t.test('a sidecar that refused its configuration is told by its pod', async (t) => {
  const proxies = ['', 'outbound/10.0.0.1:80: filter_chains: is not served'].map((rejected, index) => ({
    namespace: 'shop',
    pod: `web-${index}`,
    rejected,
  }))
  t.match(proxyProblems(proxies), [
    {
      kind: 'Pod',
      namespace: 'shop',
      name: 'web-1',
      severity: 'error',
      message: /filter_chains: is not served/,
    },
  ])
})
