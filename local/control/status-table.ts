import type { ClusterStatus, PodStatus } from './status.ts'

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
    table(['NAMESPACE', 'POD', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'ADDRESS'], pods),
    '',
    table(['NAMESPACE', 'SERVICE', 'ADDRESS', 'PORTS', 'ENDPOINTS'], services),
  ]
  if (status.messages.length > 0) parts.push('', ...status.messages.slice(-10))
  return parts.join('\n')
}

/** The most telling word about a pod, as kubectl has it. */
function podWord(pod: PodStatus): string {
  if (pod.terminating) return 'Terminating'
  if (pod.problem !== undefined) return `Error: ${pod.problem}`
  for (const { state, kind } of pod.containers) {
    if (state.type !== 'waiting' || state.reason === 'PodInitializing') continue
    return kind === 'init' ? `Init:${state.reason}` : state.reason
  }
  const initial = pod.containers.some(({ kind, state }) => kind === 'app' && state.type === 'waiting')
  return initial ? 'Init' : pod.phase
}

function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 120 ? `${minutes}m` : `${Math.floor(minutes / 60)}h`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
