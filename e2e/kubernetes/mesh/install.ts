import type { KubernetesCluster } from '../cluster/cluster.ts'
import { CHART, NAMESPACE, openHelm, RELEASE } from '../chart/helm.ts'
import { loadMeshImages } from './images.ts'

const ROLLOUT = '--timeout=180s'

/**
 * Installs the mesh as a user does: Gateway API's CRDs (a folder of them, those of the cluster unless told), then the chart
 * with the values that it has by itself.
 */
export async function installMesh(
  cluster: KubernetesCluster,
  progress: (line: string) => void,
  values: object = {},
  namespace: string = NAMESPACE,
  gatewayApi: string = cluster.programs.gatewayApi,
): Promise<void> {
  await loadMeshImages(cluster)
  progress('images loaded')
  await cluster.kubectl(['apply', '--server-side', '--filename', gatewayApi])
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
