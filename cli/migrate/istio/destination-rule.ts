import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import type { KnownObjects } from '../known-objects.ts'
import {
  nameWith,
  serviceManifest,
  trafficPolicy,
  withoutEmpty,
  type Manifest,
  type ObjectId,
} from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { readHost, subsetService } from './hosts.ts'
import { readTrafficPolicy } from './traffic-policy.ts'

interface Subset {
  readonly name: string
  readonly service: ObjectId
  readonly labels: Readonly<Record<string, string>>
  readonly settings: JsonObject
}

const MOST_SUBSETS = 1000
/** Of a TrafficPolicy. */
const MOST_TARGETS = 16

/** A DestinationRule as a Service for each subset, and TrafficPolicies for them and the Service itself. */
export function migrateDestinationRule(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const spec = object.map('spec')
  const hostField = [...spec.path, 'host']
  const service = readHost(spec.requiredText('host'), own.namespace, { known, notes, field: hostField })
  const policy = spec.optionalMap('trafficPolicy')
  const settings = policy ? readTrafficPolicy(policy, notes) : {}
  notes.withoutCounterpart(spec, {
    workloadSelector: 'take it out: settings are for all callers of a Service',
  })
  const exportTo = spec.texts('exportTo')
  if (!spec.atMost('subsets', MOST_SUBSETS) || !service) return []
  const subsets = spec.list('subsets', (item) => readSubset(item, service, notes))
  spec.refuseUnknown()
  if (service.namespace !== own.namespace || (exportTo.length > 0 && !exportTo.includes('*')))
    notes.changed(
      service.namespace === own.namespace ? [...spec.path, 'exportTo'] : hostField,
      `what it says holds for all callers of ${service.namespace}/${service.name}, not for some namespaces`,
      'there is nothing to do where that may be',
    )
  const services = subsets.map(({ service: { name }, labels }) =>
    subsetManifest({ ...service, name }, service, labels, { known, notes, hostField }),
  )
  // Sections that a subset says itself are its own; the others are those of the host (Istio merges them so).
  const alike = subsets.filter((subset) => Object.keys(subset.settings).length === 0)
  const policies = policiesFor(
    known,
    { ...service, name: own.name },
    [service, ...alike.map((one) => one.service)],
    settings,
  )
  const others = subsets
    .filter((subset) => !alike.includes(subset))
    .flatMap((subset) =>
      policiesFor(known, { ...service, name: nameWith(own.name, subset.name) }, [subset.service], {
        ...settings,
        ...subset.settings,
      }),
    )
  return [...services, ...policies, ...others]
}

function policiesFor(
  known: KnownObjects,
  id: ObjectId,
  services: readonly ObjectId[],
  settings: JsonObject,
): readonly Manifest[] {
  if (Object.keys(settings).length === 0) return []
  const targets = services.map((one) => ({ kind: 'Service' as const, name: one.name }))
  const count = Math.ceil(targets.length / MOST_TARGETS)
  return Array.from({ length: count }, (_, at) =>
    trafficPolicy(
      { ...id, name: known.claim('TrafficPolicy', id) },
      targets.slice(at * MOST_TARGETS, (at + 1) * MOST_TARGETS),
      settings,
    ),
  )
}

function readSubset(item: Fields, service: ObjectId, notes: Notes): Subset {
  const name = item.requiredText('name')
  const labels = item.stringMap('labels')
  const policy = item.optionalMap('trafficPolicy')
  const settings = policy ? readTrafficPolicy(policy, notes) : {}
  item.refuseUnknown()
  return { name, service: subsetService(service, name), labels, settings }
}

function subsetManifest(
  id: ObjectId,
  of: ObjectId,
  labels: Readonly<Record<string, string>>,
  { known, notes, hostField }: { known: KnownObjects; notes: Notes; hostField: readonly (string | number)[] },
): Manifest {
  const service = known.service(of)
  if (known.claim('Service', id) !== id.name)
    notes.lost(
      hostField,
      `Service ${id.namespace}/${id.name} is there already, and would become that of a subset`,
      'rename the subset or that Service, unless it is for the same pods',
    )
  if (!service || Object.keys(service.selector).length === 0)
    notes.lost(
      hostField,
      `Service ${of.namespace}/${of.name} is not in the input${service ? ' with a selector' : ''}, so that the Services of subsets have the labels of the subsets alone, and port 80`,
      'add that Service to the input, or complete selector and ports of what is printed',
    )
  const ports = service && service.ports.length > 0 ? written(service.raw) : [{ name: 'http', port: 80 }]
  return serviceManifest(id, withoutEmpty({ selector: { ...service?.selector, ...labels }, ports }))
}

/** Ports as their Service has them, without what belongs to that one alone. */
function written(raw: readonly JsonObject[]): JsonObject[] {
  return raw.map((port) => Object.fromEntries(Object.entries(port).filter(([name]) => name !== 'nodePort')))
}
