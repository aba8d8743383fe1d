import fc from 'fast-check'
import t from 'tap'
import { createMesh, type MeshView } from '../../control-plane/mesh.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { SIDECAR } from '../../control-plane/xds/client-takes.ts'
import type { MeshClient } from '../../control-plane/xds/client.ts'
import { silentLogger } from '../../core/log.ts'
import type { RequestHead } from '../../proxy/http/message.ts'
import type { RouteConfiguration } from '../../proxy/model/route.ts'
import { findRoute } from '../../proxy/route/match.ts'
import { decodeResource, type Decoded } from '../../proxy/xds/decode.ts'
import { naiveMatch, type MeshRequest } from './naive-matcher.ts'
import { PORTS, scenes, SERVICES, type Scene } from './random-scenes.ts'

// For random routes and requests, an independent matcher and the product say the same: from manifests by the control plane's
// translation and its bytes of xDS to the proxy's decoder and matcher. WEFT_LONG=1 has 100,000 pairs.

const PAIRS = process.env['WEFT_LONG'] ? 100_000 : 2000
const REQUESTS = 20

const services = SERVICES.map(({ namespace, name, address }) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { clusterIP: address, ports: PORTS.map((port) => ({ name: `p${port}`, port })) },
  }),
)

t.test(`the proxy chooses the rule that the specification does, ${PAIRS} pairs`, async (t) => {
  const followed = new Map<string, number>()
  fc.assert(
    fc.property(scenes(REQUESTS), (scene) => {
      const proxy = meshOf(scene)
      for (const request of scene.requests) {
        const expected = naiveMatch(scene.routes, request)
        const found = proxy(request)
        if (found !== expected)
          throw new Error(`${JSON.stringify(request)} follows ${found}, and by the specification ${expected}`)
        const kind = expected.split('/')[0] ?? ''
        followed.set(kind, (followed.get(kind) ?? 0) + 1)
      }
    }),
    { numRuns: Math.ceil(PAIRS / REQUESTS) },
  )
  // Of every outcome there is enough to say so.
  for (const kind of ['HTTPRoute', 'GRPCRoute', 'service', 'none'])
    t.ok((followed.get(kind) ?? 0) > PAIRS / 50, `${followed.get(kind)} of ${kind}`)
})

/** The rule that a request follows through the whole of the product, but for sockets. */
function meshOf({ routes }: Scene): (request: MeshRequest) => string {
  const mesh = createMesh({
    source: MemorySource.of(...services, ...routes.map((route) => JSON.stringify(route))),
    trustDomain: 'cluster.local',
    log: silentLogger,
  })
  const view = mesh.snapshot.value
  mesh.close()
  const known = new Map<string, RouteConfiguration>()
  return (request) => {
    const { clientNamespace, service, port } = request
    const client = { namespace: clientNamespace, pod: 'client', takes: SIDECAR }
    const key = `${clientNamespace} ${service.name} ${port}`
    let configuration = known.get(key)
    if (!configuration) known.set(key, (configuration = routesOf(view, client, request)))
    const route = findRoute(configuration, headOf(request))
    return route ? (route.name === 'default' ? 'service' : route.name) : 'none'
  }
}

/** By way of the listener at the Service's address, as a sidecar asks for them. */
function routesOf(view: MeshView, client: MeshClient, { service, port }: MeshRequest): RouteConfiguration {
  const address = SERVICES.find(({ name }) => name === service.name)?.address
  const listener = decoded(view, 'listener', `outbound/${address}:${port}`, client)
  const http = listener.filterChains.find(({ network }) => network.kind === 'http')?.network
  if (http?.kind !== 'http' || http.route.kind !== 'rds') throw new Error('a listener without routes')
  return decoded(view, 'route', http.route.name, client)
}

function decoded<K extends 'listener' | 'route'>(
  view: MeshView,
  kind: K,
  name: string,
  client: MeshClient,
): Decoded[K] {
  const resource = view.resource(kind, name, client)
  if (!resource) throw new Error(`there is no ${kind} ${name}`)
  const result = decodeResource(kind, { typeUrl: resource.typeUrl, value: resource.body })
  if (!result.ok) throw new Error(`${kind} ${name}: ${result.problems.join('; ')}`)
  return result.value
}

function headOf({ method, path, query, headers }: MeshRequest): RequestHead {
  const text = query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
  return {
    method,
    scheme: 'http',
    // Routes of a mesh go by the address that was called.
    authority: 'any.example',
    path: text === '' ? path : `${path}?${text}`,
    fields: Object.entries(headers).flat(),
    upgrade: '',
  }
}
