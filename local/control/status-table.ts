import { formatProblem } from '../../core/problem.ts'
import { fromHere } from '../print-problems.ts'
import { podTroubles, podWord } from './pod-word.ts'
import type { ClusterStatus, PodStatus } from './status.ts'
import { age, textTable } from './text-table.ts'

/** `weft local status` for people. */
export function statusTable(status: ClusterStatus, now: number): string {
  const several = status.network !== null
  const order = new Map(status.nodes.map(({ name }, index) => [name, index]))
  const place = (pod: PodStatus) => order.get(pod.node ?? '') ?? status.nodes.length
  const sorted = several ? status.pods.toSorted((a, b) => place(a) - place(b)) : status.pods
  const pods = sorted.map((pod) => [
    ...(several ? [pod.node ?? '-'] : []),
    pod.namespace,
    pod.name,
    `${pod.containers.filter((one) => one.kind !== 'init' && one.ready).length}/${pod.containers.filter((one) => one.kind !== 'init').length}`,
    podWord(pod),
    String(pod.containers.reduce((sum, one) => sum + one.restarts, 0)),
    age(now - pod.createdAt),
    pod.ips[0] ?? '-',
  ])
  const services = status.services.map((service) => [
    service.namespace,
    service.name,
    service.ips[0] ?? 'None',
    service.ports.map((port) => port.port).join(',') || '-',
    service.endpoints.join(',') || 'none ready',
  ])
  const parts = [
    ...(several ? [nodeTable(status), ''] : []),
    textTable(
      [...(several ? ['NODE'] : []), 'NAMESPACE', 'POD', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'ADDRESS'],
      pods,
    ),
    '',
    textTable(['NAMESPACE', 'SERVICE', 'ADDRESS', 'PORTS', 'ENDPOINTS'], services),
  ]
  if (status.canaries.length > 0) {
    const rows = status.canaries.map((one) => [
      one.namespace,
      one.name,
      `${one.weight} %`,
      one.phase,
      one.message,
    ])
    parts.push('', textTable(['NAMESPACE', 'CANARY', 'WEIGHT', 'PHASE', 'WHY'], rows))
  }
  const { dashboard, exposed } = status
  const reached = [...(dashboard === null ? [] : [{ target: 'dashboard', address: dashboard }]), ...exposed]
  if (reached.length > 0) parts.push('', ...reached.map(({ target, address }) => `${target}: ${address}`))
  const troubles = status.pods.flatMap(podTroubles)
  if (troubles.length > 0) parts.push('', ...troubles)
  if (status.problems.length > 0) {
    parts.push('', 'PROBLEMS', ...status.problems.map((problem) => formatProblem(problem, fromHere)))
  }
  if (status.messages.length > 0) parts.push('', ...status.messages.slice(-10))
  return parts.join('\n')
}

function nodeTable({ nodes, pods, network }: ClusterStatus): string {
  const rows = nodes.map((node) => [
    node.name,
    node.ready ? (node.schedulable ? 'Ready' : 'Ready,SchedulingDisabled') : 'NotReady',
    node.zone ?? '-',
    node.address,
    node.podCidr,
    String(pods.filter((pod) => pod.node === node.name).length),
    network ?? '-',
  ])
  return textTable(['NODE', 'STATUS', 'ZONE', 'ADDRESS', 'POD CIDR', 'PODS', 'NETWORK'], rows)
}
