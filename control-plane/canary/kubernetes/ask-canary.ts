import { WeftError } from '../../../core/errors.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import { REQUEST_ANNOTATION } from '../requests.ts'

/** Writes what somebody asks (`formatRequest`) on a Canary. Throws WeftError `canary.none`, and KubernetesError. */
export async function askInCluster(
  connection: Pick<KubernetesConnection, 'request'>,
  namespace: string,
  name: string,
  request: string,
): Promise<void> {
  try {
    await connection.request({
      method: 'PATCH',
      path: `/apis/weft.dev/v1alpha1/namespaces/${namespace}/canaries/${name}`,
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { [REQUEST_ANNOTATION]: request } } },
    })
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404)
      throw new WeftError('canary.none', `there is no Canary ${namespace}/${name}`, { cause: error })
    throw error
  }
}
