import type { Graph, GraphNode } from '../../../core/api/traffic.ts'
import { sum } from './sum.ts'

/**
 * With what a split led to it, a version's node has all that it took: on a graph that stands at the node that is split. Not for
 * sums over nodes, which would count it twice.
 */
export function withSplitTraffic(nodes: readonly GraphNode[]): GraphNode[] {
  const led = new Map<string, GraphNode['traffic'][]>()
  for (const { versions } of nodes)
    for (const { id, traffic } of versions) led.set(id, [...(led.get(id) ?? []), traffic])
  return nodes.map((node) => {
    const parts = led.get(node.id)
    if (!parts || node.versions.some(({ id }) => id === node.id)) return node
    return { ...node, traffic: sum([node.traffic, ...parts]) }
  })
}

export function graphWithVersions<Some extends Pick<Graph, 'nodes'>>(graph: Some): Some {
  return { ...graph, nodes: withSplitTraffic(graph.nodes) }
}
