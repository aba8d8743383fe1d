import type { FieldPath } from '../../control-plane/registry/fields.ts'
import type { KnownObjects } from './known-objects.ts'
import type { ObjectId } from './manifests.ts'
import type { Notes } from './notes.ts'

/** What HTTP is served on unless somebody says so. */
const GUESS = 80

/**
 * The port of a Service that a route's backend has to name: what was said, the Service's only one, `likely`; at last a guess,
 * which is told. `field` is where the other mesh's object names the Service.
 */
export function backendPort(
  id: ObjectId,
  said: number | undefined,
  likely: number | undefined,
  { known, notes, field }: { readonly known: KnownObjects; readonly notes: Notes; readonly field: FieldPath },
): number {
  const port = said ?? known.onlyPort(id) ?? likely
  if (port !== undefined) return port
  const service = known.service(id)
  const [first] = service?.ports ?? []
  const guess = first?.port ?? GUESS
  notes.lost(
    field,
    `does not say a port of Service ${id.namespace}/${id.name}, and a route's backend must have one; ${guess} is a guess`,
    service
      ? `correct the port in what is printed: the Service has ${service.ports.map(({ port: one }) => one).join(', ')}`
      : 'add the Service to the input, or correct the port in what is printed',
  )
  return guess
}
