import { CanaryController } from '../canary/controller.ts'
import { kubernetesCanaryStore } from '../canary/kubernetes/kubernetes-store.ts'
import type { StartWriter } from './writer.ts'

/** Moves the routes of Canaries, by what proxies told. */
export const moveCanaries: StartWriter = (context) => {
  const { snapshot, counts, mayWrite, log, clock } = context
  const controller = new CanaryController({
    snapshot,
    counts,
    mayWrite,
    log,
    clock,
    store: kubernetesCanaryStore(context),
  })
  return { stop: () => controller.stop() }
}
