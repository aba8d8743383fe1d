import { CONTROLLER_NAME } from '../../core/contract.ts'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { listAt, listObjects, textAt, type ClusterObject } from '../cluster/objects.ts'

/** Objects of a kind, of one namespace or all; undefined where it is not defined in the cluster. */
export async function objectsIfDefined(
  { connection, namespace }: ClusterSession,
  groupVersion: string,
  plural: string,
): Promise<ClusterObject[] | undefined> {
  const base = `/apis/${groupVersion}`
  const path = namespace === undefined ? `${base}/${plural}` : `${base}/namespaces/${namespace}/${plural}`
  try {
    return await listObjects(connection, path)
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return undefined
    throw error
  }
}

/** Conditions that are bad news where they hold. */
const PARTIAL: ReadonlySet<string> = new Set(['PartiallyInvalid', 'PartiallyApplied'])

/** What the control plane says against an object in its entries of a list of the status; or that it says nothing. */
export function conditionProblems(
  { body, namespace, name }: ClusterObject,
  list: 'parents' | 'ancestors',
  kind: string,
): string[] {
  const title = `${textAt(body, 'kind') || kind} ${namespace}/${name}`
  const entries = listAt(body, 'status', list).filter(
    (entry) => textAt(entry, 'controllerName') === CONTROLLER_NAME,
  )
  if (entries.length === 0) return [`${title} has no status of the control plane`]
  const problems = entries.flatMap((entry) =>
    listAt(entry, 'conditions')
      .filter(
        (condition) =>
          textAt(condition, 'status') === (PARTIAL.has(textAt(condition, 'type')) ? 'True' : 'False') ||
          textAt(condition, 'reason') === 'NothingSelected',
      )
      .map((condition) => {
        const [type, reason, message] = ['type', 'reason', 'message'].map((field) => textAt(condition, field))
        return `${title}: ${type}: ${reason}: ${message}`
      }),
  )
  return [...new Set(problems)]
}
