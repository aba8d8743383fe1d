import type { Graph, GraphEdge, GraphNode, Health, TrafficFigures } from '../../../core/api/traffic.ts'
import { sum } from './sum.ts'
import { withSplitTraffic } from './versions.ts'

/** A node as it is drawn: a Service, or a whole namespace that is folded. */
export interface ShownNode {
  readonly id: string
  readonly name: string
  readonly namespace: string
  readonly kind: GraphNode['kind'] | 'namespace'
  readonly traffic: TrafficFigures
  readonly health: Health
  readonly policy: GraphNode['policy']
  /** Of a folded namespace: how many Services; 1 else. */
  readonly members: number
  readonly failing: number
  /** Endpoints that callers leave out. */
  readonly ejected: number
}

export interface ShownEdge {
  readonly source: string
  readonly target: string
  readonly traffic: TrafficFigures
  readonly deniedRate: number
  readonly health: Health
}

/** A version beside the Service that a route splits: no call, as callers asked for the latter. */
export interface ShownSplit {
  readonly source: string
  readonly target: string
  readonly percent: number
}

export interface ShownGraph {
  readonly nodes: readonly ShownNode[]
  readonly edges: readonly ShownEdge[]
  readonly splits: readonly ShownSplit[]
}

/** On the map, whoever has no identity of the mesh; its id in a graph is ''. */
export const OUTSIDE = '~outside'

export function shownId(id: string): string {
  return id === '' ? OUTSIDE : id
}

const ORDER: readonly Health[] = ['failing', 'degraded', 'ok', 'idle']
/** Up to so many Services every namespace is open unless somebody folded it. */
const OPEN_UP_TO = 60

export function worst(healths: readonly Health[]): Health {
  return ORDER.find((one) => healths.includes(one)) ?? 'idle'
}

/** The id of a namespace that is drawn as one node. */
export function foldedId(namespace: string): string {
  return `namespace:${namespace}`
}

/** In order, without that of whoever is outside. */
export function namespacesOf(nodes: readonly GraphNode[]): ReadonlySet<string> {
  return new Set(
    nodes
      .map(({ namespace }) => namespace)
      .filter((name) => name !== '')
      .sort(),
  )
}

/** `open` as the address says it: '' by size, `*` all, else names with commas, `-` none. */
export function openNamespaces(open: string, nodes: readonly GraphNode[]): ReadonlySet<string> {
  const all = namespacesOf(nodes)
  if (open === '*' || (open === '' && nodes.length <= OPEN_UP_TO)) return all
  if (open === '' || open === '-') return new Set()
  const named = new Set(open.split(','))
  return new Set([...all].filter((one) => named.has(one)))
}

/** The address's word for a set of open namespaces. */
export function openWord(open: ReadonlySet<string>, nodes: readonly GraphNode[]): string {
  const all = namespacesOf(nodes)
  if (open.size === 0) return '-'
  return open.size === all.size ? '*' : [...open].sort().join(',')
}

/** With `namespace`: its nodes and those that they call or are called by. */
export function within(graph: Graph, namespace: string): Pick<Graph, 'nodes' | 'edges'> {
  if (namespace === '') return graph
  const home = new Map(graph.nodes.map((node) => [node.id, node.namespace]))
  const edges = graph.edges.filter(
    ({ source, target }) => home.get(source) === namespace || home.get(target) === namespace,
  )
  const kept = new Set(edges.flatMap(({ source, target }) => [source, target]))
  const nodes = graph.nodes.filter((node) => node.namespace === namespace || kept.has(node.id))
  return { nodes, edges }
}

export function fold(graph: Pick<Graph, 'nodes' | 'edges'>, open: ReadonlySet<string>): ShownGraph {
  const place = new Map<string, string>()
  const nodes: ShownNode[] = []
  const folded = new Map<string, GraphNode[]>()
  const whole = new Map(withSplitTraffic(graph.nodes).map((node) => [node.id, node.traffic]))
  for (const node of graph.nodes) {
    const stays = node.namespace === '' || open.has(node.namespace)
    place.set(node.id, stays ? shownId(node.id) : foldedId(node.namespace))
    if (stays)
      nodes.push({
        ...node,
        traffic: whole.get(node.id) ?? node.traffic,
        id: shownId(node.id),
        members: 1,
        failing: node.health === 'failing' ? 1 : 0,
        ejected: node.endpoints.ejected,
      })
    else folded.set(node.namespace, [...(folded.get(node.namespace) ?? []), node])
  }
  for (const [namespace, members] of folded)
    nodes.push({
      id: foldedId(namespace),
      name: namespace,
      namespace,
      kind: 'namespace',
      traffic: sum(members.map(({ traffic }) => traffic)),
      health: worst(members.map(({ health }) => health)),
      policy: 'open',
      members: members.length,
      failing: members.filter(({ health }) => health === 'failing').length,
      // Those of a version are its Service's, too.
      ejected: members
        .filter(({ versionOf }) => versionOf.length === 0)
        .reduce((total, { endpoints }) => total + endpoints.ejected, 0),
    })
  const merged = Map.groupBy(
    graph.edges.filter(({ source, target }) => place.has(source) && place.has(target)),
    ({ source, target }) => `${place.get(source)}\n${place.get(target)}`,
  )
  const edges: ShownEdge[] = []
  for (const list of merged.values()) {
    const [first] = list
    const source = place.get(first?.source ?? '') ?? ''
    const target = place.get(first?.target ?? '') ?? ''
    // What happens inside of a folded namespace is inside of its node.
    if (source === target && source !== shownId(first?.source ?? '')) continue
    edges.push(first && list.length === 1 ? { ...first, source, target } : mergedEdge(source, target, list))
  }
  const splits = graph.nodes
    .filter(({ id }) => place.get(id) === id)
    .flatMap(({ id, versions }) =>
      versions
        .filter((version) => place.get(version.id) === version.id && version.id !== id)
        .map(({ id: target, percent }) => ({ source: id, target, percent })),
    )
  return { nodes, edges, splits }
}

function mergedEdge(source: string, target: string, list: readonly GraphEdge[]): ShownEdge {
  return {
    source,
    target,
    traffic: sum(list.map(({ traffic }) => traffic)),
    deniedRate: list.reduce((total, { deniedRate }) => total + deniedRate, 0),
    health: worst(list.map(({ health }) => health)),
  }
}
