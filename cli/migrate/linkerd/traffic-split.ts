import type { Fields } from '../../../control-plane/registry/fields.ts'
import { backendPort } from '../backend-port.ts'
import type { KnownObjects } from '../known-objects.ts'
import type { Manifest, ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { RouteSet } from '../route-set.ts'
import { readWeight } from './service-profile.ts'

/** A TrafficSplit of SMI as an HTTPRoute of its apex Service. */
export function migrateTrafficSplit(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const spec = object.map('spec')
  const name = spec.requiredText('service').split('.')[0] ?? ''
  const id = { namespace: own.namespace, name }
  const backends = spec.list('backends', (item) => {
    const backend = { name: item.requiredText('service').split('.')[0] ?? '', weight: readWeight(item) }
    item.refuseUnknown()
    return backend
  })
  const matched = spec.has('matches')
  notes.withoutCounterpart(spec, {
    matches: 'write the matches of the HTTPRouteGroup into the rules of an HTTPRoute',
  })
  spec.refuseUnknown()
  // A split of some requests would become one of all.
  if (matched || name === '') return []
  const listed = known.service(id)?.ports.map(({ port }) => port) ?? []
  const field = ['spec', 'service']
  const ports = listed.length > 0 ? listed : [backendPort(id, undefined, undefined, { known, notes, field })]
  const routes = new RouteSet(own, [id], { known, notes })
  for (const port of ports)
    routes.add({
      rule: {
        backendRefs: backends.map((backend) => ({ name: backend.name, port, weight: backend.weight })),
      },
      field: ['spec', 'backends'],
      port: ports.length > 1 ? port : undefined,
      callers: undefined,
      faults: [],
      retryNonIdempotent: false,
    })
  return routes.manifests()
}
