import type { ReplicatedObject } from '../manifest/objects.ts'
import type { OwnedPod } from './owned-pod.ts'

export interface DeploymentPlan {
  /** How many pods of the present template to create now. */
  readonly create: number
  /** Names of the pods to stop now. */
  readonly stop: readonly string[]
}

/**
 * The next step towards a Deployment's wish; called again after every change of a pod. A rolling update
 * never has fewer ready pods than `replicas - maxUnavailable`, nor more pods than `replicas + maxSurge`
 * (pods that are going away do not count, as in Kubernetes). A ReplicaSet only keeps their number.
 */
export function planDeployment(
  wish: Pick<ReplicatedObject, 'replicas' | 'strategy'> & { readonly hash: string },
  pods: readonly OwnedPod[],
): DeploymentPlan {
  const living = pods.filter((pod) => !pod.terminating)
  const current = living.filter((pod) => pod.hash === wish.hash || wish.strategy === 'keep')
  const old = living.filter((pod) => !current.includes(pod))
  const missing = Math.max(0, wish.replicas - current.length)
  const surplus = byWorth(current).slice(0, Math.max(0, current.length - wish.replicas))
  const stop = surplus.map((pod) => pod.name)

  if (wish.strategy === 'keep') return { create: missing, stop }
  if (wish.strategy === 'recreate') {
    const gone = pods.every((pod) => pod.hash === wish.hash)
    return { create: gone ? missing : 0, stop: [...stop, ...old.map((pod) => pod.name)] }
  }

  const room = Math.max(0, wish.replicas + wish.strategy.maxSurge - living.length)
  const ready = living.filter((pod) => pod.ready).length - surplus.filter((pod) => pod.ready).length
  let spare = Math.max(0, ready - (wish.replicas - wish.strategy.maxUnavailable))
  for (const pod of byWorth(old)) {
    if (pod.ready && spare-- <= 0) continue
    stop.push(pod.name)
  }
  return { create: Math.min(missing, room), stop }
}

/** Least worth keeping first: not ready, then the youngest. */
function byWorth(pods: readonly OwnedPod[]): OwnedPod[] {
  return [...pods].sort((a, b) => Number(a.ready) - Number(b.ready) || b.createdAt - a.createdAt)
}
