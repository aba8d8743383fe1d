import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { Manifest, ObjectId } from '../manifests.ts'
import type { KnownObjects } from '../known-objects.ts'
import type { Notes } from '../notes.ts'
import { RouteSet } from '../route-set.ts'
import { migrateConnectionRules } from './connection-rules.ts'
import type { Reading } from './destinations.ts'
import { readHost } from './hosts.ts'
import { MESH } from './http-match.ts'
import { migrateHttpRule } from './http-rule.ts'
import type { Subsets } from './subsets.ts'

const INGRESS =
  'keep the way in that is there, and have it call the Service: the routes of the mesh hold from there on where it has a sidecar'
const ALL = '*'
const OWN = '.'
const MOST_RULES = 1000

/** A VirtualService as HTTPRoutes, TCPRoutes and TLSRoutes of the Services that it is for. */
export function migrateVirtualService(
  object: Fields,
  own: ObjectId,
  {
    known,
    subsets,
    notes,
  }: { readonly known: KnownObjects; readonly subsets: Subsets; readonly notes: Notes },
): readonly Manifest[] {
  const spec = object.map('spec')
  const gateways = spec.texts('gateways')
  const exportTo = spec.texts('exportTo')
  const hosts = spec.texts('hosts')
  if (hosts.length === 0) spec.problem('is required: the Services that it is for', 'hosts')
  const others = gateways.filter((name) => name !== MESH)
  if (others.length > 0) {
    const only = gateways.includes(MESH) ? 'its rules for gateways are left out' : 'it is for gateways alone'
    notes.lost([...spec.path, 'gateways'], `names ${others.join(', ')}: ${only}`, INGRESS)
    if (!gateways.includes(MESH)) return []
  }
  const services = hosts.flatMap((host, index): readonly ObjectId[] => {
    const field = [...spec.path, 'hosts', index]
    const service = readHost(host, own.namespace, { known, notes, field })
    return service ? [service] : []
  })
  if (!['http', 'tcp', 'tls'].every((list) => spec.atMost(list, MOST_RULES)) || services.length === 0)
    return []
  const manifests: Manifest[] = []
  for (const [namespace, parents] of Map.groupBy(services, (service) => service.namespace)) {
    const id = { namespace: placeOf(exportTo, namespace, own, spec, notes), name: own.name }
    const reading: Reading = { known, subsets, notes, namespace: own.namespace, routeNamespace: id.namespace }
    const routes = new RouteSet(id, parents, { known, notes })
    spec.list('http', (rule) => migrateHttpRule(rule, reading, routes))
    manifests.push(...routes.manifests())
    for (const kind of ['tls', 'tcp'] as const)
      manifests.push(...migrateConnectionRules(kind, spec, id, parents, reading))
  }
  spec.refuseUnknown()
  return manifests
}

/** The namespace of the routes for Services of one: there they are for all callers, elsewhere for callers of their own. */
function placeOf(
  exportTo: readonly string[],
  namespace: string,
  own: ObjectId,
  spec: Fields,
  notes: Notes,
): string {
  const field = [...spec.path, 'exportTo']
  const all = exportTo.length === 0 || exportTo.includes(ALL)
  const ownOnly = exportTo.every((one) => one === OWN || one === own.namespace)
  if (!all && ownOnly && namespace !== own.namespace) return own.namespace
  if (!all)
    notes.lost(
      field,
      `is for callers of ${exportTo.join(', ')}: a route in the namespace of its Service holds for all`,
      'write the route once in each namespace of those callers: there it is for them alone',
    )
  else if (namespace !== own.namespace)
    notes.changed(
      field,
      `the route goes to namespace ${namespace}, where the Service is, so that it holds for all callers`,
      `put it into ${own.namespace} where it is for callers there alone`,
    )
  return namespace
}
