import { STITCH_DIRECTORY, STITCH_FILE } from '../core/contract.ts'
import { isObject, type Json, type JsonObject, type PatchOperation } from './json-patch.ts'
import type { PodView } from './pod.ts'

const VARIABLE = 'NODE_OPTIONS'
const OPTION = `--require ${STITCH_DIRECTORY}/${STITCH_FILE}`
export const STITCH_VOLUME = 'weft-stitch'

/** What the sidecar writes there is some kilobytes. */
export const stitchVolume: JsonObject = {
  name: STITCH_VOLUME,
  emptyDir: { medium: 'Memory', sizeLimit: '1Mi' },
}
export const stitchMount: JsonObject = { name: STITCH_VOLUME, mountPath: STITCH_DIRECTORY }

/**
 * Starts the Node.js applications of a pod with what carries the trace of a request to those that are sent for it
 * (weft.dev/stitch-traces). Programs that are not Node.js ignore the variable. Its value elsewhere is not seen from here: where it comes
 * from a reference, the container is left as it is, with a warning.
 */
export function stitchContainers(
  pod: JsonObject,
  view: PodView,
): { readonly operations: PatchOperation[]; readonly warnings: string[] } {
  const operations: PatchOperation[] = []
  const warnings: string[] = []
  for (const { name, pointer } of [...view.initContainers, ...view.containers]) {
    const [, , list = '', at = ''] = pointer.split('/')
    const spec = isObject(pod['spec']) ? pod['spec'] : {}
    const containers = spec[list]
    const container = Array.isArray(containers) ? containers[Number(at)] : undefined
    if (!isObject(container)) continue
    const variable = withOption(listOf(container['env']), `${pointer}/env`)
    if (!variable) {
      warnings.push(`container ${name} gets ${VARIABLE} from elsewhere, so its traces are not stitched`)
      continue
    }
    const mount: JsonObject = { ...stitchMount, readOnly: true }
    operations.push(variable, appended(listOf(container['volumeMounts']), `${pointer}/volumeMounts`, mount))
  }
  return { operations, warnings }
}

function withOption(env: readonly Json[] | undefined, path: string): PatchOperation | undefined {
  const at = env?.findIndex((entry) => isObject(entry) && entry['name'] === VARIABLE) ?? -1
  if (at < 0) return appended(env, path, { name: VARIABLE, value: OPTION })
  const entry = env?.[at]
  if (!isObject(entry) || isObject(entry['valueFrom'])) return undefined
  const before = typeof entry['value'] === 'string' ? entry['value'].trim() : ''
  const value = before === '' ? OPTION : `${before} ${OPTION}`
  return { op: 'replace', path: `${path}/${at}`, value: { name: VARIABLE, value } }
}

function appended(list: readonly Json[] | undefined, path: string, value: JsonObject): PatchOperation {
  return list ? { op: 'add', path: `${path}/-`, value } : { op: 'add', path, value: [value] }
}

function listOf(value: Json | undefined): readonly Json[] | undefined {
  return Array.isArray(value) ? value : undefined
}
