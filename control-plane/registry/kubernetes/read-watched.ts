import { findObject } from '../../kubernetes/find-object.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import type { ObjectReference } from '../object-reference.ts'
import { WATCHED_KINDS } from './resources.ts'

const TIMEOUT_MS = 3000

/** An object of a kind that is watched, as the API server has it; undefined: it is not there. Throws KubernetesError. */
export async function readWatched(
  connection: Pick<KubernetesConnection, 'request'>,
  { kind, namespace, name }: ObjectReference,
): Promise<unknown> {
  const watched = WATCHED_KINDS.find((one) => one.kind === kind)
  if (!watched) return undefined
  const at = watched.path.lastIndexOf('/')
  const [root, plural] = [watched.path.slice(0, at), watched.path.slice(at + 1)]
  const home = namespace === '' ? '' : `/namespaces/${namespace}`
  const found = await findObject(connection, `${root}${home}/${plural}`, name, TIMEOUT_MS)
  // Items of a list do not say what they are.
  return found && { ...found, apiVersion: watched.apiVersion, kind }
}
