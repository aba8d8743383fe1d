import { WeftError } from '../../core/errors.ts'
import { CNI_PLUGIN } from '../../core/contract.ts'
import { isObject } from '../json-patch.ts'
import type { Json, JsonObject } from '../json-patch.ts'
import { ANNOTATIONS_CAPABILITY } from './protocol.ts'

/** The plugin's entry in a list of plugins; the capability has the runtime hand over the pod's annotations. */
export const PLUGIN_ENTRY: JsonObject = {
  type: CNI_PLUGIN,
  capabilities: { [ANNOTATIONS_CAPABILITY]: true },
}

/**
 * Of a folder's file names, the one that runtimes take: the first by name of those that hold a network (containerd and
 * CRI-O with the configuration that they have by themselves). Undefined: none is there.
 */
export function activeFile(names: readonly string[]): string | undefined {
  return names.filter((name) => /\.(conf|conflist|json)$/.test(name) && !name.startsWith('.')).toSorted()[0]
}

/**
 * The text of a network's list of plugins with the plugin as its last; undefined where that is so already. Throws a WeftError
 * `cni.configuration` for what is no list of plugins.
 */
export function withPlugin(text: string): string | undefined {
  const list = readList(text)
  const others = list.plugins.filter((one) => !isOurs(one))
  const ours = list.plugins.filter(isOurs)
  const isThere =
    ours.length === 1 &&
    list.plugins.at(-1) === ours[0] &&
    JSON.stringify(ours[0]) === JSON.stringify(PLUGIN_ENTRY)
  return isThere ? undefined : write({ ...list.document, plugins: [...others, PLUGIN_ENTRY] })
}

/** The text without the plugin; undefined where it is not in it, or the text is no list of plugins. */
export function withoutPlugin(text: string): string | undefined {
  let list: List
  try {
    list = readList(text)
  } catch {
    return undefined
  }
  const others = list.plugins.filter((one) => !isOurs(one))
  return others.length === list.plugins.length ? undefined : write({ ...list.document, plugins: others })
}

interface List {
  readonly document: JsonObject
  readonly plugins: readonly Json[]
}

function readList(text: string): List {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new WeftError('cni.configuration', 'is not JSON (or is being written)')
  }
  const plugins = isObject(document) ? document['plugins'] : undefined
  if (!isObject(document) || !Array.isArray(plugins) || plugins.length === 0)
    throw new WeftError(
      'cni.configuration',
      'is no list of plugins (.conflist with `plugins`): another plugin cannot be put behind it',
    )
  return { document, plugins }
}

function isOurs(entry: Json): boolean {
  return isObject(entry) && entry['type'] === CNI_PLUGIN
}

function write(document: JsonObject): string {
  return `${JSON.stringify(document, null, 2)}\n`
}
