import type { Mesh } from '../../model/mesh.ts'
import { requestRoutes, type RouteGroup } from '../../model/route.ts'
import type { ReportedMesh } from './metric-store.ts'

/** Where a rule is in force: at which Service's port, and to which clusters it leads from there. */
interface Place {
  /** `catalog.shop` */
  readonly service: string
  readonly clusters: ReadonlySet<string>
}

/** By whose clients follow a rule. */
interface Followed {
  /** Clients of any namespace but those that have routes of their own at the port. */
  readonly byAll: (Place & { readonly but: ReadonlySet<string> })[]
  readonly byNamespace: Map<string, Place[]>
}

/** What a mesh as it is now lets reporters tell about (GEP-1686: consumer routes replace the producer's). */
export function reportedMesh(mesh: () => Mesh | undefined): ReportedMesh {
  let indexed: { readonly routes: Mesh['routes']; readonly rules: ReadonlyMap<string, Followed> } | undefined
  const rules = (routes: Mesh['routes']): ReadonlyMap<string, Followed> => {
    if (indexed?.routes !== routes) indexed = { routes, rules: index(routes) }
    return indexed.rules
  }
  let told: { readonly workloads: Mesh['workloads']; readonly identities: ReadonlySet<string> } | undefined
  const places = (namespace: string, rule: string): readonly Place[] => {
    const routes = mesh()?.routes
    const followed = routes && rules(routes).get(rule)
    if (!followed) return []
    const own = followed.byNamespace.get(namespace) ?? []
    return [...own, ...followed.byAll.filter(({ but }) => !but.has(namespace))]
  }
  return {
    hasService(name) {
      const dot = name.lastIndexOf('.')
      return mesh()?.services.has(`${name.slice(dot + 1)}/${name.slice(0, dot)}`) ?? false
    },
    follows(namespace, rule, cluster) {
      return places(namespace, rule).some(({ clusters }) => clusters.has(cluster))
    },
    askedBy(namespace, rule) {
      // A rule of several Services does not say which of them was asked for: then it is the first by name.
      const [service] = places(namespace, rule)
        .map((place) => place.service)
        .sort()
      return service
    },
    tells(identity) {
      const workloads = mesh()?.workloads
      if (!workloads) return true
      if (told?.workloads !== workloads)
        told = { workloads, identities: new Set([...workloads.values()].map((one) => one.identity)) }
      return told.identities.has(identity)
    },
  }
}

function index(routes: Mesh['routes']): ReadonlyMap<string, Followed> {
  const rules = new Map<string, Followed>()
  const at = (name: string): Followed => {
    const followed = rules.get(name) ?? { byAll: [], byNamespace: new Map<string, Place[]>() }
    rules.set(name, followed)
    return followed
  }
  for (const [portKey, { producer, consumers }] of routes) {
    const [namespace = '', name = ''] = portKey.split('/')
    const service = `${name}.${namespace}`
    const but = new Set(consumers.keys())
    for (const [rule, clusters] of clustersOf(producer)) at(rule).byAll.push({ service, clusters, but })
    for (const [consumer, group] of consumers)
      for (const [rule, clusters] of clustersOf(group)) {
        const { byNamespace } = at(rule)
        byNamespace.set(consumer, [...(byNamespace.get(consumer) ?? []), { service, clusters }])
      }
  }
  return rules
}

function clustersOf(group: RouteGroup | undefined): ReadonlyMap<string, Set<string>> {
  const clusters = new Map<string, Set<string>>()
  for (const { rule } of requestRoutes(group)?.entries ?? []) {
    const backends = rule.action.kind === 'forward' ? rule.action.backends : []
    clusters.set(rule.name, new Set(backends.map(({ portKey }) => portKey ?? '')))
  }
  return clusters
}
