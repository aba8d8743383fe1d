import type { ContainerStatus } from '../pod/pod-state.ts'
import type { PodStatus } from './status.ts'

/** The most telling word about a pod, as `kubectl get pods` has it. */
export function podWord(pod: PodStatus): string {
  if (pod.terminating) return 'Terminating'
  if (pod.reason !== undefined) return pod.reason === 'FailedMount' ? 'ContainerCreating' : pod.reason
  const early = pod.containers.filter((one) => one.kind !== 'app')
  for (const [index, container] of early.entries()) {
    const word = initWord(container)
    if (word !== undefined) return word === '' ? `Init:${index}/${early.length}` : `Init:${word}`
  }
  const apps = pod.containers.filter((one) => one.kind === 'app')
  // The first one decides, as it does for kubectl.
  const word = apps.map(appWord).find((one) => one !== undefined)
  const some = apps.some(({ state, ready }) => state.type === 'running' && ready)
  return word === undefined || (word === 'Completed' && some) ? pod.phase : word
}

/** Undefined when it is over or serves, and the pod goes on; empty when there is nothing to say of it but that it runs. */
function initWord({ kind, state, started }: ContainerStatus): string | undefined {
  if (state.type === 'running') return kind === 'sidecar' && started ? undefined : ''
  if (state.type === 'waiting') return state.reason === 'PodInitializing' ? '' : state.reason
  return state.exitCode === 0 || kind === 'sidecar' ? undefined : state.reason
}

function appWord({ state }: ContainerStatus): string | undefined {
  return state.type === 'running' ? undefined : state.reason
}

/** One line for each container that ended badly or is not healthy. What a pod waits for is in the list of problems. */
export function podTroubles(pod: PodStatus): string[] {
  if (pod.terminating) return []
  return pod.containers.flatMap((container) => {
    const why = container.state.type === 'waiting' ? undefined : containerTrouble(container)
    return why === undefined ? [] : [`${pod.namespace}/${pod.name}, container ${container.name}: ${why}`]
  })
}

/** Why a container does not do what it should; undefined when it does, or is about to. */
export function containerTrouble({ state, unhealthy, ready }: ContainerStatus): string | undefined {
  if (state.type === 'waiting') {
    return state.message === undefined ? undefined : `${state.reason}: ${state.message}`
  }
  if (state.type === 'running') return ready ? undefined : unhealthy && `Unhealthy: ${unhealthy}`
  if (state.exitCode === 0) return undefined
  const message = state.message === undefined ? '' : ` (${state.message})`
  return `${state.reason}: exit code ${state.exitCode}${message}`
}
