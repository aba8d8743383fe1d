import { failuresOf, onePod } from '../../../demo/scenario.ts'
import type { KubernetesCluster } from '../../cluster/cluster.ts'
import type { KubernetesStep } from '../step.ts'
import { streams } from './dashboard.ts'
import { underLoad } from '../under-load.ts'

const LOAD = ['--url', 'http://catalog:8080/items/{n}', '--rate', '100']
const TIMEOUT = '--timeout=180s'

/** Restarts Deployments as people do, and resolves when the last of their old pods has gone. */
async function restart(
  cluster: KubernetesCluster,
  namespace: string,
  deployments: readonly string[],
): Promise<string[]> {
  const names = async () =>
    (await cluster.kubectl(['get', 'pods', '--namespace', namespace, '--output=name']))
      .split('\n')
      .filter((name) => deployments.some((one) => name.startsWith(`pod/${one}-`)))
  const old = await names()
  const targets = deployments.map((name) => `deployment/${name}`)
  await cluster.kubectl(['rollout', 'restart', '--namespace', namespace, ...targets])
  for (const one of targets)
    await cluster.kubectl(['rollout', 'status', '--namespace', namespace, one, TIMEOUT])
  await cluster.kubectl(['wait', '--for=delete', '--namespace', namespace, ...old, TIMEOUT])
  return old
}

export const rolloutOfApplication: KubernetesStep = {
  name: 'rollout of the application',
  expected: 'kubectl rollout restart of both versions of catalog under load: no request fails',
  async run(mesh) {
    const client = await onePod(mesh, 'shop', 'client')
    let replaced = 0
    const report = await underLoad(mesh, client, LOAD, async () => {
      replaced = (await restart(mesh.kubernetes, 'shop', ['catalog-v1', 'catalog-v2'])).length
    })
    return {
      ok: report.failed === 0 && replaced === 3,
      observed: `${replaced} pods replaced; ${failuresOf(report)}`,
    }
  },
}

export const rolloutOfMesh: KubernetesStep = {
  name: 'rollout of the mesh',
  expected:
    'kubectl rollout restart of control plane and injector under load: no request fails, no pod is refused, all sidecars have a stream again',
  async run(mesh) {
    const client = await onePod(mesh, 'shop', 'client')
    let replaced = 0
    let admitted = 0
    const report = await underLoad(mesh, client, LOAD, async () => {
      const state = { finished: false }
      const restarted = restart(mesh.kubernetes, 'weft-system', ['weft-control-plane', 'weft-injector'])
      void restarted.catch(() => {}).finally(() => (state.finished = true))
      // Admission goes on meanwhile.
      for (; !state.finished; admitted++) await mesh.kubernetes.kubectl(['run', 'admitted', ...DRY_RUN])
      replaced = (await restarted).length
    })
    const connected = (await streams(mesh)).length
    return {
      ok: report.failed === 0 && replaced === 4,
      observed: `${replaced} pods replaced, ${admitted} pods admitted meanwhile; ${failuresOf(report)}; ${connected} sidecars connected`,
    }
  },
}

const DRY_RUN = ['--namespace=shop', '--image=weft.dev/demo:v1', '--dry-run=server', '--output=name']
