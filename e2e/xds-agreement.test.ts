import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createMesh } from '../control-plane/mesh.ts'
import { MemorySource } from '../control-plane/registry/memory-source.ts'
import { RESOURCE_TYPES } from '../control-plane/xds/resource.ts'
import { SIDECAR } from '../control-plane/xds/client-takes.ts'
import { clientOf } from '../control-plane/xds/client.ts'
import { silentLogger } from '../core/log.ts'
import { nodeOf } from '../proxy/app/sidecar.ts'
import { decodeResource } from '../proxy/xds/decode.ts'

// Whatever the control plane makes for a sidecar, the proxy takes: every rule's manifests, every resource.
const ROOT = join(import.meta.dirname, '..', 'control-plane', 'golden')
const base = readFileSync(join(ROOT, 'base.yaml'), 'utf8')

t.test('the proxy understands every resource that a sidecar is sent', async (t) => {
  const seen = { listener: 0, route: 0, cluster: 0, endpoints: 0 }
  for (const folder of readdirSync(ROOT, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue
    const text = readFileSync(join(ROOT, folder.name, 'manifests.yaml'), 'utf8')
    const mesh = createMesh({
      source: MemorySource.of(base, text),
      trustDomain: 'cluster.local',
      log: silentLogger,
    })
    const view = mesh.snapshot.value
    for (const workload of view.model.workloads.values()) {
      const client = { namespace: workload.namespace, pod: workload.name, takes: SIDECAR }
      for (const type of RESOURCE_TYPES) {
        for (const name of view.names(type, client)) {
          const resource = view.resource(type, name, client)
          if (!resource) continue
          const decoded = decodeResource(type, { typeUrl: resource.typeUrl, value: resource.body })
          seen[type]++
          if (!decoded.ok) t.fail(`${folder.name}: ${type} ${name}`, { problems: decoded.problems })
        }
      }
    }
    mesh.close()
  }
  for (const [type, count] of Object.entries(seen)) t.ok(count > 10, `${count} of ${type}`)
})

t.test('a sidecar says which fields it takes that one of the version before refuses', async (t) => {
  const node = nodeOf({
    pod: { name: 'a', namespace: 'mesh', uid: '', node: '', zone: '', addresses: [] },
  })
  const client = clientOf(node)
  t.equal(client.takes, SIDECAR)
  const mesh = createMesh({
    source: MemorySource.of(base),
    trustDomain: 'cluster.local',
    log: silentLogger,
  })
  const view = mesh.snapshot.value
  const outliers = ({ takes }: typeof client): unknown => {
    const resource = view.resource('cluster', 'mesh/echo/80', { ...client, takes })
    if (!resource) throw new Error('base.yaml has no Service echo')
    const decoded = decodeResource('cluster', { typeUrl: resource.typeUrl, value: resource.body })
    return decoded.ok ? decoded.value.outliers : decoded.problems
  }
  t.match(outliers(client), { consecutiveErrors: { limit: 5, enforcing: 100 }, maxEjectedPercent: 50 })
  const { TAKES: _, ...before } = node.metadata
  t.equal(outliers(clientOf({ ...node, metadata: before })), undefined)
  mesh.close()
})
