import type { Fields } from '../../../control-plane/registry/fields.ts'
import { mapOf } from '../../../local/problems/checked.ts'
import type { KnownObjects } from '../known-objects.ts'
import { trafficPolicy, type Manifest, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'

const MOST = 1_000_000

/** An HTTPLocalRateLimitPolicy as a TrafficPolicy of the Services that lead to the pods of its Server. */
export function migrateRateLimit(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const spec = object.map('spec')
  const target = spec.map('targetRef')
  const kind = target.requiredText('kind')
  const server = target.requiredText('name')
  target.skip('group')
  target.refuseUnknown()
  const total = readRate(spec, 'total')
  const identity = readRate(spec, 'identity')
  notes.withoutCounterpart(spec, { overrides: 'leave a limit for all callers, and take the override out' })
  spec.refuseUnknown()
  const rateLimits = [
    ...(total === undefined ? [] : [{ requests: total, per: '1s' }]),
    ...(identity === undefined ? [] : [{ requests: identity, per: '1s', by: { type: 'Caller' } }]),
  ]
  if (rateLimits.length === 0) return []
  const services = kind === 'Server' ? servicesOf({ ...own, name: server }, known) : []
  if (services.length === 0) {
    notes.lost(
      [...target.path, 'name'],
      `there is no Service in the input that leads to the pods of ${kind} ${server}`,
      'add the Server and the Service to the input: a TrafficPolicy is for a Service',
    )
    return []
  }
  notes.changed(
    target.path,
    `the limits hold for Service ${services.join(', ')} with all of its ports, not for the port of a Server`,
    'there is nothing to do where that may be',
  )
  const targets = services.map((name) => ({ kind: 'Service' as const, name }))
  return [trafficPolicy({ ...own, name: known.claim('TrafficPolicy', own) }, targets, { rateLimits })]
}

function readRate(spec: Fields, name: string): number | undefined {
  const rate = spec.optionalMap(name)
  const requests = rate?.integer('requestsPerSecond', 1, MOST)
  rate?.refuseUnknown()
  return requests
}

/** Names of Services with a selector that the Server's agrees with. */
function servicesOf({ namespace, name }: ObjectId, known: KnownObjects): readonly string[] {
  const server = known
    .ofKind('Server', 'policy.linkerd.io')
    .find((one) => one.namespace === namespace && one.name === name)
  const labels = Object.entries(mapOf(mapOf(mapOf(server?.raw['spec'])['podSelector'])['matchLabels']))
  if (labels.length === 0) return []
  return known.services
    .filter((service) => {
      const selector = Object.entries(service.selector)
      const has = (
        of: readonly (readonly [string, unknown])[],
        [key, value]: readonly [string, unknown],
      ): boolean => of.some(([other, same]) => other === key && same === value)
      if (service.namespace !== namespace || selector.length === 0) return false
      return labels.every((label) => has(selector, label)) || selector.every((label) => has(labels, label))
    })
    .map((service) => service.name)
}
