import type { FieldPath, Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import type { KnownObjects } from '../known-objects.ts'
import { routeManifest, serviceParent, type Manifest, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { readDestination, withWeight, type Reading } from './destinations.ts'
import { MESH } from './http-match.ts'

interface ConnectionMatch {
  readonly port: number | undefined
  /** Server names; empty of `tcp`. */
  readonly hosts: readonly string[]
}

/** `tcp` and `tls` of a VirtualService, a route each: such routes of Gateway API have one rule, and no matches. */
export function migrateConnectionRules(
  kind: 'tcp' | 'tls',
  spec: Fields,
  own: ObjectId,
  parents: readonly ObjectId[],
  reading: Reading,
): readonly Manifest[] {
  const manifests: Manifest[] = []
  const taken = new Map<number | undefined, FieldPath>()
  spec.list(kind, (rule) => {
    const { notes } = reading
    const conditional = rule.has('match')
    const matches = rule
      .list('match', (match) => readMatch(kind, match, notes))
      .filter((one) => one !== undefined)
    const likely = matches.find(({ port }) => port !== undefined)?.port
    const backends = rule.list('route', (item) => {
      const weight = item.integer('weight', 0, 1_000_000)
      const backend = readDestination(item.map('destination'), likely, reading)
      item.refuseUnknown()
      return backend && { backend, weight }
    })
    rule.refuseUnknown()
    const present = backends.filter((one) => one !== undefined)
    if (present.length === 0 || present.length < backends.length || (conditional && matches.length === 0)) {
      const remedy = 'correct its matches and destinations, and convert it again'
      notes.lost(rule.path, 'becomes no route: not all of what it says can be said', remedy)
      return
    }
    const backendRefs = present.map(({ backend, weight }) => withWeight(backend, weight, present.length))
    for (const { port, hosts } of conditional ? matches : [{ port: undefined, hosts: [] }]) {
      const wanted = port ?? (backendRefs[0]?.['port'] as number)
      const earlier = kind === 'tcp' ? taken.get(wanted) : undefined
      if (earlier) {
        notes.changed(rule.path, `is never reached: a rule before it has port ${wanted}`, 'take it out')
        continue
      }
      taken.set(wanted, rule.path)
      manifests.push(route(kind, own, parents, wanted, hosts, backendRefs, reading.known))
    }
  })
  return manifests
}

function route(
  kind: 'tcp' | 'tls',
  own: ObjectId,
  parents: readonly ObjectId[],
  port: number,
  hosts: readonly string[],
  backendRefs: readonly JsonObject[],
  known: KnownObjects,
): Manifest {
  const name = known.claim(kind === 'tcp' ? 'TCPRoute' : 'TLSRoute', own)
  const parentRefs = parents.map((parent) => serviceParent(parent, own.namespace, port))
  const rules = [{ backendRefs: [...backendRefs] }]
  if (kind === 'tcp') return routeManifest('TCPRoute', { ...own, name }, { parentRefs, rules })
  return routeManifest('TLSRoute', { ...own, name }, { parentRefs, hostnames: [...hosts], rules })
}

function readMatch(kind: 'tcp' | 'tls', match: Fields, notes: Notes): ConnectionMatch | undefined {
  const before = notes.losses
  const gateways = match.texts('gateways')
  notes.withoutCounterpart(match, {
    sourceLabels: 'leave callers apart to their own routes: a route in their namespace is for them alone',
    sourceNamespace: 'write the route in that namespace: there it is for its callers alone',
    sourceSubnet: 'take it out: connections are told apart by port and server name',
    destinationSubnets: 'take it out: a route is for a Service',
  })
  const port = match.integer('port', 1, 65535)
  const hosts = kind === 'tls' ? match.texts('sniHosts').map((host) => host.toLowerCase()) : []
  if (kind === 'tls' && hosts.length === 0) match.problem('is required: the server names', 'sniHosts')
  if (hosts.includes('*'))
    notes.lost(
      [...match.path, 'sniHosts'],
      '"*" is no server name',
      'name them, or write a tcp rule for the whole port',
    )
  match.refuseUnknown()
  if (notes.losses > before || (gateways.length > 0 && !gateways.includes(MESH))) return undefined
  return { port, hosts }
}
