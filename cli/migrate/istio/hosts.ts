import type { FieldPath } from '../../../control-plane/registry/fields.ts'
import type { KnownObjects } from '../known-objects.ts'
import { nameWith, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/

/**
 * The Service that a host of Istio names: by its short name in `namespace`, or as `name.namespace.svc...`. `name.namespace` is
 * one where the input has that Service; it might be a host of the internet as well. Undefined: none, which is told.
 */
export function readHost(
  host: string,
  namespace: string,
  { known, notes, field }: { readonly known: KnownObjects; readonly notes: Notes; readonly field: FieldPath },
): ObjectId | undefined {
  const [name = '', of, svc] = host.split('.')
  if (LABEL.test(name) && of === undefined) return { namespace, name }
  if (LABEL.test(name) && of !== undefined && LABEL.test(of)) {
    const id = { namespace: of, name }
    if (svc === 'svc' || (svc === undefined && known.service(id))) return id
  }
  notes.lost(
    field,
    `${JSON.stringify(host)} is no Service of the cluster`,
    'write NAME.NAMESPACE.svc.cluster.local where it is one; routes of the mesh are for Services, and other hosts pass through as they are',
  )
  return undefined
}

/** The Service that stands for a subset of one: Gateway API splits between Services. */
export function subsetService({ namespace, name }: ObjectId, subset: string): ObjectId {
  return { namespace, name: nameWith(name, subset.toLowerCase().replaceAll(/[^-a-z0-9]/g, '-')) }
}
