import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { register } from '@grpc/grpc-js-xds'
import { ClusterResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/cluster-resource-type.js'
import { EndpointResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/endpoint-resource-type.js'
import { ListenerResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/listener-resource-type.js'
import { RouteConfigurationResourceType } from '@grpc/grpc-js-xds/build/src/xds-resource-type/route-config-resource-type.js'
import type { CertificateProviderConfig } from '@grpc/grpc-js-xds/build/src/xds-bootstrap.js'
import t from 'tap'
import { GRPC_LIBRARY, GRPC_LIBRARY_MTLS } from '../control-plane/xds/client-takes.ts'
import { createMesh } from '../control-plane/mesh.ts'
import { MemorySource } from '../control-plane/registry/memory-source.ts'
import { RESOURCE_TYPES, type ResourceType } from '../control-plane/xds/resource.ts'
import { CERTIFICATE_PROVIDER } from '../core/contract.ts'
import { silentLogger } from '../core/log.ts'
import { CASES } from './clients/cases.ts'
import { startClient } from './clients/client.ts'
import { NODE_CLIENT } from './clients/programs.ts'
import { World } from './clients/world.ts'

// The gRPC library's own xDS client, which knows nothing of Weft, joins the mesh without a sidecar (gRFC A27, A28).
// `npm run test:clients` does the same with those of Go and Java.

// A dozen cases one after the other, by a client that is started first.
t.setTimeout(300_000)

t.test('a gRPC library without a sidecar', async (t) => {
  const world = await World.start(t)
  const start = (bootstrap: object) => {
    const client = startClient(NODE_CLIENT, bootstrap, (line) => t.comment(line))
    t.teardown(() => client.stop())
    return client
  }
  const client = start(world.bootstrap('caller'))
  for (const { name, run } of CASES) {
    await t.test(name, async () => void (await run({ world, client, start, t })))
    t.strictSame(await world.refusals(), {}, 'it took all that it was sent')
  }
})

const LIBRARY = {
  listener: ListenerResourceType.get(),
  route: RouteConfigurationResourceType.get(),
  cluster: ClusterResourceType.get(),
  endpoints: EndpointResourceType.get(),
}

/** Of a certificate provider the checks read the name alone. */
const NOTHING_READ = { pluginName: 'file_watcher', config: {} } as unknown as CertificateProviderConfig

t.test('the library takes every resource that it is sent, whatever the rules', async (t) => {
  // Its filters, too.
  register()
  const root = join(import.meta.dirname, '../control-plane/golden')
  const base = readFileSync(join(root, 'base.yaml'), 'utf8')
  const clients = [GRPC_LIBRARY, GRPC_LIBRARY_MTLS].map((takes) => ({ namespace: 'mesh', pod: '', takes }))
  const server = { server_uri: '', channel_creds: [], server_features: [], ignore_resource_deletion: false }
  const bootstrap = {
    xdsServers: [],
    node: { id: '', locality: {} },
    authorities: {},
    clientDefaultListenerResourceNameTemplate: '%s',
    serverListenerResourceNameTemplate: '',
    certificateProviders: { [CERTIFICATE_PROVIDER]: NOTHING_READ },
  }
  const seen: Record<ResourceType, number> = { listener: 0, route: 0, cluster: 0, endpoints: 0 }
  for (const folder of readdirSync(root, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue
    const text = readFileSync(join(root, folder.name, 'manifests.yaml'), 'utf8')
    const source = MemorySource.of(base, text)
    const all = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
    const view = all.snapshot.value
    const targets = [...view.model.services.values()].flatMap(({ name, namespace, ports }) =>
      ports.map(({ port }) => `${name}.${namespace}:${port}`),
    )
    for (const who of clients)
      for (const type of RESOURCE_TYPES) {
        // It asks for listeners by its targets; those of sidecars are none of its business.
        for (const name of type === 'listener' ? targets : view.names(type, who)) {
          const resource = view.resource(type, name, who)
          if (!resource) continue
          const decoded = LIBRARY[type].decode(
            { server, bootstrap },
            { type_url: resource.typeUrl, value: Buffer.from(resource.body) },
          )
          seen[type]++
          if (decoded.error !== undefined) t.fail(`${folder.name}: ${type} ${name}`, { error: decoded.error })
        }
      }
    all.close()
  }
  for (const [type, count] of Object.entries(seen)) t.ok(count > 100, `${count} of ${type}`)
})
