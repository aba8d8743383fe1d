import { INJECT_LABEL } from '../../core/contract.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { listObjects, type ClusterObject } from '../cluster/objects.ts'

/** Namespaces with the label, or of them the one that is asked for. */
export async function meshNamespaces({ connection, namespace }: ClusterSession): Promise<ClusterObject[]> {
  const labelSelector = `${INJECT_LABEL}=enabled`
  const found = await listObjects(connection, '/api/v1/namespaces', { labelSelector })
  return found.filter(({ name }) => namespace === undefined || name === namespace)
}
