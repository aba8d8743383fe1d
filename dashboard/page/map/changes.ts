import type { Graph, TrafficFigures } from '../../../core/api/traffic.ts'
import { milliseconds, rate, success } from '../words/format.ts'

export interface Change {
  /** A node's id, or `source -> target`. */
  readonly subject: string
  readonly source: string | null
  readonly target: string
  /** 3: an outage or its end; 2: worse or better; 1: other. */
  readonly weight: 1 | 2 | 3
  readonly worse: boolean
  readonly text: string
}

/** Less than that is noise: requests a second. */
const QUIET = 0.1
const MUCH = 1.5
const SUCCESS_POINTS = 0.01
const LATENCY_MS = 5

/** What is different between two pictures of the mesh, the weightiest first. */
export function changesBetween(before: Graph, after: Graph): Change[] {
  const changes: Change[] = []
  const oldNodes = new Map(before.nodes.map((node) => [node.id, node]))
  const newNodes = new Map(after.nodes.map((node) => [node.id, node]))
  for (const [id, node] of newNodes) {
    const old = oldNodes.get(id)
    const add = (weight: Change['weight'], worse: boolean, text: string): void =>
      void changes.push({ subject: id, source: null, target: id, weight, worse, text })
    if (!old) add(1, false, `is new, ${rate(node.traffic.rate)}/s`)
    else {
      if (old.health !== node.health && (old.health === 'failing' || node.health === 'failing'))
        add(
          3,
          node.health === 'failing',
          `was ${old.health}, is ${node.health}${node.reasons[0] === undefined ? '' : `: ${node.reasons[0]}`}`,
        )
      if (old.policy !== node.policy)
        add(1, node.policy === 'denied', `policy was ${old.policy}, is ${node.policy}`)
      if (old.endpoints.ready !== node.endpoints.ready)
        add(
          1,
          node.endpoints.ready < old.endpoints.ready,
          `had ${old.endpoints.ready} ready endpoints, has ${node.endpoints.ready}`,
        )
      const split = shares(old.versions)
      if (split !== shares(node.versions))
        add(1, false, `split was ${split || 'none'}, is ${shares(node.versions) || 'none'}`)
      for (const [weight, worse, text] of traffic(old.traffic, node.traffic)) add(weight, worse, text)
    }
  }
  for (const [id] of oldNodes)
    if (!newNodes.has(id))
      changes.push({ subject: id, source: null, target: id, weight: 2, worse: true, text: 'is gone' })
  const key = ({ source, target }: { source: string; target: string }): string => `${source}\n${target}`
  const oldEdges = new Map(before.edges.map((edge) => [key(edge), edge]))
  const newEdges = new Map(after.edges.map((edge) => [key(edge), edge]))
  for (const [name, edge] of newEdges) {
    const { source, target } = edge
    const old = oldEdges.get(name)
    const subject = `${source || 'outside'} → ${target}`
    if (!old || (old.traffic.rate < QUIET && edge.traffic.rate >= QUIET))
      changes.push({
        subject,
        source,
        target,
        weight: 1,
        worse: false,
        text: `began to call, ${rate(edge.traffic.rate)}/s`,
      })
    else if (old.traffic.transport.plaintext < 0.01 && edge.traffic.transport.plaintext >= 0.01)
      changes.push({ subject, source, target, weight: 2, worse: true, text: 'has plaintext now' })
    else if (old.deniedRate < QUIET && edge.deniedRate >= QUIET)
      changes.push({
        subject,
        source,
        target,
        weight: 2,
        worse: true,
        text: `is refused by policy, ${rate(edge.deniedRate)}/s`,
      })
  }
  for (const [name, { source, target, traffic: figures }] of oldEdges) {
    const now = newEdges.get(name)
    if (figures.rate >= QUIET && (now?.traffic.rate ?? 0) < QUIET)
      changes.push({
        subject: `${source || 'outside'} → ${target}`,
        source,
        target,
        weight: 1,
        worse: false,
        text: 'calls no more',
      })
  }
  return changes.sort(
    (a, b) => b.weight - a.weight || Number(b.worse) - Number(a.worse) || (a.subject < b.subject ? -1 : 1),
  )
}

function traffic(old: TrafficFigures, now: TrafficFigures): [Change['weight'], boolean, string][] {
  const found: [Change['weight'], boolean, string][] = []
  const fell = (old.successRate ?? 1) - (now.successRate ?? 1)
  if (old.successRate !== null && now.successRate !== null && Math.abs(fell) >= SUCCESS_POINTS)
    found.push([2, fell > 0, `success was ${success(old.successRate)}, is ${success(now.successRate)}`])
  const [was, is] = [old.p95Ms ?? 0, now.p95Ms ?? 0]
  if (was > 0 && is > 0 && Math.abs(is - was) >= LATENCY_MS && Math.max(is / was, was / is) >= MUCH)
    found.push([2, is > was, `p95 was ${milliseconds(was)}, is ${milliseconds(is)}`])
  const [slow, fast] = [Math.min(old.rate, now.rate), Math.max(old.rate, now.rate)]
  if (fast - slow >= 1 && fast / Math.max(slow, QUIET) >= MUCH)
    found.push([1, false, `had ${rate(old.rate)}/s, has ${rate(now.rate)}/s`])
  return found
}

function shares(versions: readonly { readonly id: string; readonly percent: number }[]): string {
  return versions.map(({ id, percent }) => `${id} ${Math.round(percent)} %`).join(', ')
}
