import type { Ejection } from '../../../core/api/sidecars.ts'
import { endpointName, reasonText } from '../graph/ejected-endpoints.ts'
import { serviceId } from '../graph/topology.ts'
import type { Told } from './mesh-events.ts'

/** By cluster and endpoint, all who leave it out, whoever was the first first. */
export function byEndpoint(ejections: readonly Ejection[]): ReadonlyMap<string, readonly Ejection[]> {
  const inOrder = ejections.toSorted((a, b) => a.since - b.since)
  return Map.groupBy(inOrder, ({ cluster, endpoint }) => JSON.stringify([cluster, endpoint]))
}

/** An endpoint that somebody begins to leave out, or that nobody leaves out any more. */
export function ejectionEvents(
  before: ReadonlyMap<string, readonly Ejection[]>,
  now: ReadonlyMap<string, readonly Ejection[]>,
): (Told & { readonly at?: number })[] {
  const events: (Told & { readonly at?: number })[] = []
  for (const [key, [first]] of now) {
    if (before.has(key) || !first) continue
    const { caller, reason, since, until } = first
    const seconds = Math.round((until - since) / 1000)
    const long = seconds > 0 ? ` for ${seconds} s, and` : ''
    const text = `${caller} leaves it out (${reasonText(reason)})${long} until a request goes well there.`
    events.push({ ...placeOf(first), text, at: since })
  }
  for (const [key, [first]] of before)
    if (!now.has(key) && first) events.push({ ...placeOf(first), text: 'No caller leaves it out any more.' })
  return events
}

function placeOf({ cluster, endpoint, workload }: Ejection): Omit<Told, 'text'> {
  const name = endpointName(workload, endpoint)
  return {
    kind: 'ejection',
    namespace: cluster.slice(0, cluster.indexOf('/')),
    object: workload === '' ? name : `${name} (${endpoint})`,
    service: serviceId(cluster),
  }
}
