import fc from 'fast-check'
import t from 'tap'
import type { ResourceType } from '../../xds/resource.ts'
import { RESOURCE_TYPES } from '../../xds/resource.ts'
import { DeltaClient } from './testing/delta-client.ts'
import { ABSENT_VERSION } from '../../xds/absent.ts'
import { BASE, ENVOY, GRPC, meshOf, service, SIDECAR, slice, split, type EditedMesh } from './testing/mesh.ts'
import { SotwClient } from './testing/sotw-client.ts'

// Whatever happened on a stream: once everything is told, its client holds exactly what a client holds that comes now
// and asks for the same.

const NAMES = ['mesh/echo/80', 'mesh/a/80', 'mesh/b/80', 'outbound/10.96.9.1:80', 'a.mesh:80', 'inbound']
const SERVICES = ['a', 'b', 'echo-v2'] as const

type Step =
  | { readonly do: 'edit'; readonly edit: (mesh: EditedMesh) => void; readonly text: string }
  | { readonly do: 'ask'; readonly type: ResourceType; readonly more: string[]; readonly less: string[] }
  | { readonly do: 'push' | 'take' | 'reconnect' }

const edit = (text: string, act: (mesh: EditedMesh) => void): Step => ({ do: 'edit', edit: act, text })
const anyService = fc.constantFrom(...SERVICES)
const anyEdit: fc.Arbitrary<Step> = fc.oneof(
  fc
    .tuple(fc.nat(2), fc.nat(2))
    .map(([one, two]) => edit(`split ${one} ${two}`, ({ source }) => source.put(split(one, two)))),
  anyService.map((name) =>
    edit(`put ${name}`, ({ source }) => source.put(service(name, SERVICES.indexOf(name) + 1))),
  ),
  anyService.map((name) =>
    edit(`delete ${name}`, ({ source }) =>
      source.apply([{ op: 'delete', kind: 'Service', key: `mesh/${name}` }]),
    ),
  ),
  fc
    .tuple(anyService, fc.subarray(['10.0.0.1', '10.0.0.2', '10.5.5.5']))
    .map(([name, ips]) =>
      edit(`endpoints ${name} ${ips.join(' ')}`, ({ source }) => source.put(slice(name, ips))),
    ),
)
const anyNames = fc.subarray([...NAMES, '*'], { maxLength: 3 })
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  anyEdit,
  fc.record({
    do: fc.constant('ask' as const),
    type: fc.constantFrom(...RESOURCE_TYPES),
    more: anyNames,
    less: anyNames,
  }),
  fc.record({ do: fc.constantFrom('push' as const, 'take' as const, 'reconnect' as const) }),
)
const anyClient = fc.constantFrom(SIDECAR, GRPC, ENVOY)
const RUNS = { numRuns: 150 }

t.test('incremental', async () => {
  fc.assert(
    fc.property(anyClient, fc.array(anyStep, { maxLength: 25 }), (who, steps) => {
      const mesh = meshOf(BASE)
      let client = new DeltaClient(mesh.view, who)
      const wanted = new Map<ResourceType, Set<string>>()
      for (const step of steps) {
        if (step.do === 'edit') step.edit(mesh)
        else if (step.do === 'push') client.session.push()
        else if (step.do === 'take') client.take()
        else if (step.do === 'ask') {
          const { type, less } = step
          const names = wanted.get(type) ?? new Set()
          // Nothing on a first request would be the legacy wildcard.
          const more = step.more.length === 0 && !wanted.has(type) ? ['*'] : step.more
          wanted.set(type, names)
          for (const name of less) names.delete(name)
          for (const name of more) names.add(name)
          // What comes meanwhile is applied before the client lets go of a name: a response may cross a request.
          client.take()
          client.ask(type, { subscribe: more, unsubscribe: less })
        } else client = reconnect(client, mesh, who, wanted)
      }
      client.session.push()
      client.take()
      const fresh = new DeltaClient(mesh.view, who)
      for (const [type, names] of wanted) if (names.size > 0) fresh.ask(type, { subscribe: [...names] })
      fresh.take()
      assertSame(client.held, fresh.held)
      if (client.session.version !== mesh.view().version) throw new Error('it does not count as current')
      client.session.push()
      if (client.inbox.length > 0) throw new Error('something is told twice')
    }),
    RUNS,
  )
})

function reconnect(
  client: DeltaClient,
  mesh: EditedMesh,
  who: ConstructorParameters<typeof DeltaClient>[1],
  wanted: Map<ResourceType, ReadonlySet<string>>,
): DeltaClient {
  const next = new DeltaClient(mesh.view, who)
  for (const [key, version] of client.held) next.held.set(key, version)
  for (const [type, names] of wanted) {
    const prefix = `${type} `
    const initial = Object.fromEntries(
      [...client.held]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, version]) => [key.slice(prefix.length), version]),
    )
    if (names.size > 0) next.ask(type, { subscribe: [...names], initial })
    else {
      // Not asked for on the new stream until it has names: then it is a first request.
      wanted.delete(type)
      for (const name of Object.keys(initial)) next.held.delete(prefix + name)
    }
  }
  return next
}

t.test('state of the world', async () => {
  fc.assert(
    fc.property(anyClient, fc.array(anyStep, { maxLength: 25 }), (who, steps) => {
      const mesh = meshOf(BASE)
      const client = new SotwClient(mesh.view, who)
      const wanted = new Map<ResourceType, readonly string[]>()
      for (const step of steps) {
        if (step.do === 'edit') step.edit(mesh)
        else if (step.do === 'push') client.session.push()
        else if (step.do === 'take') client.take()
        else if (step.do === 'ask') {
          client.take()
          const names = step.more.length === 0 && !wanted.has(step.type) ? ['*'] : step.more
          wanted.set(step.type, names)
          client.want(step.type, names)
        }
      }
      client.session.push()
      client.take()
      const fresh = new SotwClient(mesh.view, who)
      for (const [type, names] of wanted) if (names.length > 0) fresh.want(type, names)
      fresh.take()
      // Of routes and endpoints nothing tells that they are gone: whoever names them is gone, too.
      assertSame(present(client.held, mesh, who, wanted), fresh.held)
      if (client.session.version !== mesh.view().version) throw new Error('it does not count as current')
      client.session.push()
      if (client.inbox.length > 0) throw new Error('something is told twice')
    }),
    RUNS,
  )
})

function present(
  held: ReadonlyMap<string, string>,
  mesh: EditedMesh,
  who: ConstructorParameters<typeof SotwClient>[1],
  wanted: ReadonlyMap<ResourceType, readonly string[]>,
): ReadonlyMap<string, string> {
  return new Map(
    [...held].filter(([key]) => {
      const [type, name] = key.split(' ') as [ResourceType, string]
      if (type === 'listener' || type === 'cluster') return true
      const resource = mesh.view().resource(type, name, who)
      if (resource?.version === ABSENT_VERSION) return wanted.get(type)?.includes(name)
      return resource !== undefined
    }),
  )
}

function assertSame(held: ReadonlyMap<string, string>, fresh: ReadonlyMap<string, string>): void {
  const lines = (of: ReadonlyMap<string, string>) => [...of].map(([key, value]) => `${key} = ${value}`).sort()
  const [one, two] = [lines(held), lines(fresh)]
  if (one.join('\n') === two.join('\n')) return
  const odd = [
    ...one.filter((line) => !two.includes(line)).map((line) => `only held: ${line}`),
    ...two.filter((line) => !one.includes(line)).map((line) => `only fresh: ${line}`),
  ]
  throw new Error(odd.join('\n'))
}
