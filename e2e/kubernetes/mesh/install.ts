import type { KubernetesCluster } from '../cluster/cluster.ts'
import { CHART, NAMESPACE, openHelm, RELEASE } from '../chart/helm.ts'
import { loadMeshImages } from './images.ts'

const ROLLOUT = '--timeout=180s'

/** Installs the mesh as a user does: Gateway API's CRDs, then the chart with the values that it has by itself. */
export async function installMesh(
  cluster: KubernetesCluster,
  progress: (line: string) => void,
  values: object = {},
  namespace: string = NAMESPACE,
): Promise<void> {
  await loadMeshImages(cluster)
  progress('images loaded')
  await cluster.kubectl(['apply', '--server-side', '--filename', cluster.programs.gatewayApi])
  const helm = await openHelm(progress, cluster.kubeconfig)
  try {
    await helm.run(['install', RELEASE, CHART, '--namespace', namespace, '--create-namespace'], values)
  } finally {
    helm.close()
  }
  for (const name of ['weft-control-plane', 'weft-injector'])
    await cluster.kubectl(['rollout', 'status', '--namespace', namespace, `deployment/${name}`, ROLLOUT])
  progress('the mesh is ready')
}
