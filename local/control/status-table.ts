import { formatProblem } from '../../core/problem.ts'
import { fromHere } from '../print-problems.ts'
import { podTroubles, podWord } from './pod-word.ts'
import type { ClusterStatus } from './status.ts'
import { age, textTable } from './text-table.ts'

/** `weft local status` for people. */
export function statusTable(status: ClusterStatus, now: number): string {
  const pods = status.pods.map((pod) => [
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
    textTable(['NAMESPACE', 'POD', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'ADDRESS'], pods),
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
