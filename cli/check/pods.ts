import { CONTROL_PLANE, INJECT_LABEL, STATUS_ANNOTATION } from '../../core/contract.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { getObject, listObjects, textAt, valueAt, type ClusterObject } from '../cluster/objects.ts'
import { meshNamespaces } from './mesh-namespaces.ts'
import { ok, someOf, warning, type Check } from './finding.ts'

/** Pods of the mesh's namespaces that run past it, and sidecars of another version than the control plane's. */
export const pods: Check = {
  name: 'pods',
  async run(session) {
    const namespaces = await meshNamespaces(session)
    const found = await Promise.all(
      namespaces.map(({ name }) => listObjects(session.connection, `/api/v1/namespaces/${name}/pods`)),
    )
    const all = found.flat().filter(isAlive)
    const injected = all.filter(({ annotations }) => annotations[STATUS_ANNOTATION] !== undefined)
    const past = all.filter((pod) => !injected.includes(pod) && wantsSidecar(pod))
    const findings = []
    if (past.length > 0)
      findings.push(
        warning(`${past.length} without a sidecar, restart their workloads: ${someOf(past.map(titleOf))}`),
      )
    const version = await controlPlaneVersion(session)
    const other = injected.filter((pod) => version !== undefined && sidecarVersion(pod) !== version)
    if (other.length > 0)
      findings.push(
        warning(
          `${other.length} with a sidecar of another version than the control plane's ${version}: ` +
            someOf(other.map((pod) => `${titleOf(pod)} (${sidecarVersion(pod)})`)),
        ),
      )
    return findings.length > 0
      ? findings
      : [ok(`${injected.length} with a sidecar in ${namespaces.length} namespaces`)]
  },
}

const titleOf = ({ namespace, name }: ClusterObject): string => `${namespace}/${name}`

/** Whether it is neither over nor about to go. */
export function isAlive({ body }: ClusterObject): boolean {
  const phase = textAt(body, 'status', 'phase')
  return (
    phase !== 'Succeeded' &&
    phase !== 'Failed' &&
    valueAt(body, 'metadata', 'deletionTimestamp') === undefined
  )
}

function wantsSidecar({ labels, body }: ClusterObject): boolean {
  return labels[INJECT_LABEL] !== 'disabled' && valueAt(body, 'spec', 'hostNetwork') !== true
}

/** What the injector wrote: see inject-pod.ts. */
export function sidecarVersion({ annotations }: ClusterObject): string {
  try {
    const status: unknown = JSON.parse(annotations[STATUS_ANNOTATION] ?? '')
    if (typeof status === 'object' && status !== null && 'version' in status) return String(status.version)
  } catch {
    // Somebody else wrote it.
  }
  return 'unknown'
}

async function controlPlaneVersion({ connection, system }: ClusterSession): Promise<string | undefined> {
  const path = `/apis/apps/v1/namespaces/${system}/deployments/${CONTROL_PLANE}`
  return (await getObject(connection, path))?.labels['app.kubernetes.io/version']
}
