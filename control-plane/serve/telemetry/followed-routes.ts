import type { Mesh } from '../../model/mesh.ts'
import { requestRoutes, type RouteGroup } from '../../model/route.ts'
import type { ReportedMesh } from './metric-store.ts'

/** The clusters that a rule leads to, by whose clients follow it. */
interface Followed {
  /** Clients of any namespace but those that have routes of their own at the port. */
  readonly byAll: { readonly clusters: ReadonlySet<string>; readonly but: ReadonlySet<string> }[]
  readonly byNamespace: Map<string, Set<string>>
}

/** What a mesh as it is now lets reporters tell about (GEP-1686: consumer routes replace the producer's). */
export function reportedMesh(mesh: () => Mesh | undefined): ReportedMesh {
  let indexed: { readonly routes: Mesh['routes']; readonly rules: ReadonlyMap<string, Followed> } | undefined
  const rules = (routes: Mesh['routes']): ReadonlyMap<string, Followed> => {
    if (indexed?.routes !== routes) indexed = { routes, rules: index(routes) }
    return indexed.rules
  }
  return {
    hasService(name) {
      const dot = name.lastIndexOf('.')
      return mesh()?.services.has(`${name.slice(dot + 1)}/${name.slice(0, dot)}`) ?? false
    },
    follows(namespace, rule, cluster) {
      const routes = mesh()?.routes
      const followed = routes && rules(routes).get(rule)
      if (!followed) return false
      if (followed.byNamespace.get(namespace)?.has(cluster)) return true
      return followed.byAll.some(({ clusters, but }) => clusters.has(cluster) && !but.has(namespace))
    },
  }
}

function index(routes: Mesh['routes']): ReadonlyMap<string, Followed> {
  const rules = new Map<string, Followed>()
  const at = (name: string): Followed => {
    const followed = rules.get(name) ?? { byAll: [], byNamespace: new Map<string, Set<string>>() }
    rules.set(name, followed)
    return followed
  }
  for (const { producer, consumers } of routes.values()) {
    const but = new Set(consumers.keys())
    for (const [name, clusters] of clustersOf(producer)) at(name).byAll.push({ clusters, but })
    for (const [namespace, group] of consumers)
      for (const [name, clusters] of clustersOf(group)) {
        const { byNamespace } = at(name)
        byNamespace.set(namespace, clusters.union(byNamespace.get(namespace) ?? new Set()))
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
