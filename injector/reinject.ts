import type { AppProbes } from '../core/app-probe.ts'
import { readAnnotations } from './annotations.ts'
import { containerCautions, groupCautions, processCautions } from './cautions.ts'
import { APP_PROBES_VARIABLE, INIT_CONTAINER, PROXY_CONTAINER, STATUS_ANNOTATION } from '../core/contract.ts'
import { isObject } from './json-patch.ts'
import type { Json, JsonObject, PatchOperation } from './json-patch.ts'
import type { PodView } from './pod.ts'
import { encodeProbes, rewriteProbes } from './probes.ts'

/**
 * A second look at a pod that has its sidecar. The API server asks again when another webhook changed the pod after
 * this one (reinvocationPolicy IfNeeded): containers that came meanwhile get their probes pointed at the sidecar, too.
 * All else stays, so a third look changes nothing.
 */
export function reinjectPod(
  pod: JsonObject,
  view: PodView,
): { readonly patch: PatchOperation[]; readonly notes: string[] } {
  const others: PodView = {
    ...view,
    containers: view.containers.filter(isTheirs),
    initContainers: view.initContainers.filter(isTheirs),
  }
  const cautions = [...containerCautions(others), ...groupCautions(view), ...processCautions(view)]
  if (readAnnotations(view.annotations).options['rewrite-probes'] === false)
    return { patch: [], notes: cautions }
  const sidecar = [...view.initContainers, ...view.containers].find(({ name }) => name === PROXY_CONTAINER)
  const variable = sidecar && findVariable(pod, sidecar.pointer)
  if (!variable) return { patch: [], notes: cautions }
  const { known, path } = variable
  const { operations, probes, warnings } = rewriteProbes(others, known)
  const notes = [...warnings, ...cautions]
  if (operations.length === 0) return { patch: [], notes }
  const value = { name: APP_PROBES_VARIABLE, value: encodeProbes(probes) }
  return { patch: [...operations, { op: path.endsWith('/-') ? 'add' : 'replace', path, value }], notes }
}

/**
 * Whether the pod's author gave it with its sidecar, e.g. by `weft inject`, and did not get it from this webhook a moment
 * ago. The API server writes managedFields before it asks the first webhook and not again until it has asked the last.
 */
export function cameInjected(pod: JsonObject): boolean {
  const metadata = isObject(pod['metadata']) ? pod['metadata'] : {}
  const managers = metadata['managedFields']
  if (!Array.isArray(managers)) return true
  return managers.some((manager) => {
    const fields = member(member(member(manager, 'fieldsV1'), 'f:metadata'), 'f:annotations')
    return member(fields, `f:${STATUS_ANNOTATION}`) !== undefined
  })
}

function isTheirs({ name }: { readonly name: string }): boolean {
  return name !== PROXY_CONTAINER && name !== INIT_CONTAINER
}

/** Where the sidecar's probes are written, and which; undefined if somebody else wrote what is there. */
function findVariable(pod: JsonObject, container: string): { known: AppProbes; path: string } | undefined {
  const [, , list = '', at = ''] = container.split('/')
  const containers = member(pod['spec'], list)
  const env = member(Array.isArray(containers) ? containers[Number(at)] : undefined, 'env')
  if (!Array.isArray(env)) return undefined
  const index = env.findIndex((entry) => member(entry, 'name') === APP_PROBES_VARIABLE)
  if (index < 0) return { known: {}, path: `${container}/env/-` }
  const text = member(env[index], 'value')
  try {
    const known: unknown = JSON.parse(typeof text === 'string' ? text : '')
    // Of this program's own making, see encodeProbes; the sidecar checks it when it starts.
    return isObject(known)
      ? { known: known as unknown as AppProbes, path: `${container}/env/${index}` }
      : undefined
  } catch {
    return undefined
  }
}

function member(value: Json | undefined, key: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}
