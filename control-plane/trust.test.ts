import t from 'tap'
import { silentLogger } from '../core/log.ts'
import { readable } from '../core/xds/readable.ts'
import { Watched } from '../core/watched.ts'
import { createMesh } from './mesh.ts'
import { touchedBetween } from './model/touched.ts'
import { MemorySource } from './registry/memory-source.ts'
import { ENVOY, SIDECAR, takesOf, type ClientTakes } from './xds/client-takes.ts'
import { CODECS, type ResourceType } from './xds/resource.ts'

const POD = `apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop }
spec:
  serviceAccountName: web
  initContainers: [{ name: weft-proxy, restartPolicy: Always }]
  containers: [{ name: app, ports: [{ containerPort: 8080 }] }]
status: { podIP: 10.0.0.1 }
`
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

const revocation = (namespace: string, name: string, spec: object): string =>
  JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'IdentityRevocation',
    metadata: { namespace, name },
    spec,
  })

function setUp(change: Partial<Parameters<typeof createMesh>[0]> = {}) {
  const source = MemorySource.of(POD)
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger, ...change })
  const seen = (type: ResourceType, name: string, takes: ClientTakes = SIDECAR): string => {
    const resource = mesh.snapshot.value.resource(type, name, { namespace: 'shop', pod: 'web', takes })
    return resource ? JSON.stringify(readable(CODECS[type], resource.message)) : ''
  }
  return { source, mesh, seen }
}

t.test('a revocation is in force until it goes, and only where Weft is installed', (t) => {
  const { source, mesh, seen } = setUp({ systemNamespace: 'mesh-system' })
  const before = seen('listener', 'inbound')
  t.notMatch(before, 'revoked')
  source.put(revocation('shop', 'mine', { identities: [WEB] }))
  t.equal(seen('listener', 'inbound'), before, 'whoever may write in a namespace cuts off nobody')
  t.match(mesh.problems(), [
    {
      kind: 'IdentityRevocation',
      namespace: 'shop',
      field: 'metadata.namespace',
      remedy: /namespace mesh-system/,
    },
  ])
  const earlier = mesh.snapshot.value.model
  source.put(revocation('mesh-system', 'web', { identities: [WEB] }))
  t.match(seen('listener', 'inbound'), WEB)
  t.ok(touchedBetween(earlier, mesh.snapshot.value.model).has('shop/web'), 'each sidecar is told')
  source.apply([{ op: 'delete', kind: 'IdentityRevocation', key: 'mesh-system/web' }])
  t.equal(seen('listener', 'inbound'), before)
  t.end()
})

t.test('a sidecar that cannot hold revocations lets nobody in while there are any', (t) => {
  const { source, seen } = setUp()
  for (const tooOld of [takesOf('weft'), takesOf('weft', { takes: ['outlier_detection'] })]) {
    t.match(seen('listener', 'inbound', tooOld), 'mtls')
    source.put(revocation('weft-system', 'other', { certificates: [{ serial: '1' }] }))
    const closed = seen('listener', 'inbound', tooOld)
    t.match(closed, /"filterChains":\[\]}$/)
    t.not(closed, '', 'it is told so, and does not go on with what it had')
    source.apply([{ op: 'delete', kind: 'IdentityRevocation', key: 'weft-system/other' }])
  }
  t.end()
})

t.test('no more than each sidecar can hold', (t) => {
  const { source, mesh } = setUp()
  const ids = (of: string) =>
    Array.from({ length: 600 }, (_, at) => `spiffe://cluster.local/ns/shop/sa/${of}-${at}`)
  source.put(revocation('weft-system', 'b', { identities: ids('b') }))
  source.put(revocation('weft-system', 'a', { identities: ids('a') }))
  const { identities } = mesh.snapshot.value.model.trust.revoked
  t.equal(identities.length, 600)
  t.ok(
    identities.every((id) => id.includes('/a-')),
    'the first by name',
  )
  t.match(mesh.problems(), [{ name: 'b', message: /more than 1024 identities/ }])
  t.end()
})

t.test("names of the trust domain are one identity's", (t) => {
  const { source, mesh, seen } = setUp({ trustDomainAliases: ['old.local'] })
  t.match(seen('listener', 'inbound'), /"names":\["cluster\.local","old\.local"\]/)
  t.match(seen('listener', 'inbound'), 'spiffe://old.local/', 'callers of both are let in')
  for (const takes of [SIDECAR, ENVOY]) {
    const cluster = seen('cluster', 'pod/shop/web/8080', takes)
    for (const id of [WEB, 'spiffe://old.local/ns/shop/sa/web'])
      t.match(cluster, id, `${takes.name} accepts ${id}`)
  }
  source.put(revocation('weft-system', 'web', { identities: ['spiffe://old.local/ns/shop/sa/web'] }))
  t.strictSame(mesh.snapshot.value.model.trust.revoked.identities, [WEB, 'spiffe://old.local/ns/shop/sa/web'])
  t.end()
})

t.test('bundles of other domains come and go', (t) => {
  const federated = new Watched<Readonly<Record<string, string>>>({})
  const { mesh, seen } = setUp({ federated })
  t.notMatch(seen('listener', 'inbound'), 'partner.example')
  const earlier = mesh.snapshot.value
  federated.set({ 'partner.example': 'PEM' })
  t.match(seen('listener', 'inbound'), /"federated":\{"partner\.example":"PEM"\}/)
  t.match(seen('listener', 'inbound'), '"prefix":"spiffe://partner.example/"')
  t.notMatch(
    seen('listener', 'inbound', ENVOY),
    'partner.example',
    "Envoy would take its roots for anybody's",
  )
  t.ok(mesh.snapshot.value.touchedSince(earlier.version)?.has('shop/web'))
  federated.set({})
  t.notMatch(seen('listener', 'inbound'), 'partner.example')
  mesh.close()
  t.end()
})
