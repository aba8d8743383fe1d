import type { KubernetesConnection } from './connection.ts'
import type { KubernetesObject } from './follow.ts'

/**
 * The object of this name as it is now, or undefined. By a list with a field selector: whoever may list a kind, or one
 * name of it (RBAC `resourceNames`), needs no rule more. Throws KubernetesError.
 */
export async function findObject(
  connection: Pick<KubernetesConnection, 'request'>,
  collection: string,
  name: string,
  timeoutMs?: number,
): Promise<KubernetesObject | undefined> {
  const list = (await connection.request({
    method: 'GET',
    path: collection,
    query: { fieldSelector: `metadata.name=${name}` },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })) as { readonly items?: readonly KubernetesObject[] | null } | undefined
  return list?.items?.find((item) => item.metadata.name === name)
}
