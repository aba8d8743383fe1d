import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { backendPort } from '../backend-port.ts'
import type { KnownObjects } from '../known-objects.ts'
import { withoutEmpty, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { readHost, subsetService } from './hosts.ts'
import type { Subsets } from './subsets.ts'

/** What the rules of one VirtualService are read with. */
export interface Reading {
  readonly known: KnownObjects
  readonly subsets: Subsets
  readonly notes: Notes
  /** Of the VirtualService: that of hosts without one. */
  readonly namespace: string
  /** Of the routes that it becomes: that of backends without one. */
  readonly routeNamespace: string
}

/** A destination as a backend without weight; undefined where it names no Service, which is told. */
export function readDestination(
  destination: Fields,
  likely: number | undefined,
  { known, subsets, notes, namespace, routeNamespace }: Reading,
): JsonObject | undefined {
  const hostField = [...destination.path, 'host']
  const service = readHost(destination.requiredText('host'), namespace, { known, notes, field: hostField })
  const said = destination.map('port')
  const number = said.integer('number', 1, 65535)
  said.refuseUnknown()
  const subset = destination.text('subset')
  destination.refuseUnknown()
  if (!service) return undefined
  const port = backendPort(service, number, likely, { known, notes, field: hostField })
  return target(subset === undefined ? service : subsetBackend(service, subset), port, routeNamespace)

  function subsetBackend(of: ObjectId, name: string): ObjectId {
    const backend = subsetService(of, name)
    if (!subsets.has(of, name))
      notes.lost(
        [...destination.path, 'subset'],
        `no DestinationRule of the input has subset ${name} of ${of.namespace}/${of.name}`,
        `add that DestinationRule to the input, or write the Service ${backend.namespace}/${backend.name} with the subset's selector`,
      )
    return backend
  }
}

function target({ namespace, name }: ObjectId, port: number, own: string): JsonObject {
  return withoutEmpty({ namespace: namespace === own ? undefined : namespace, name, port })
}

/** Weights: of one backend none is needed. */
export function withWeight(backend: JsonObject, weight: number | undefined, count: number): JsonObject {
  return count > 1 ? { ...backend, weight: weight ?? 0 } : backend
}
