import { stringify } from 'yaml'
import type { ConfigurationObject } from '../../../core/api/service.ts'
import { describeError } from '../../../core/errors.ts'
import type { ObjectReference } from '../../registry/object-reference.ts'

/** Reads an object as it was written; undefined: it is not there any more. */
export type ReadObject = (reference: ObjectReference) => Promise<unknown>

/** Quoted as kubectl reads it: to YAML 1.1 a plain `off` is false. */
const STYLE = { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false, version: '1.1' } as const
const LONGEST_YAML = 64 * 1024

/** Of an object's metadata, what its author says; the rest the API server and its tools keep for themselves. */
const AUTHORED = ['name', 'namespace', 'labels', 'annotations']
/** Holds the object once more, as somebody applied it. */
const NOT_SHOWN = /(^|\.)kubectl\.kubernetes\.io\/last-applied-configuration$/

/** The objects as YAML that can be applied. Never rejects. */
export function objectsAsYaml(
  references: readonly ObjectReference[],
  read: ReadObject,
): Promise<readonly ConfigurationObject[]> {
  return Promise.all(
    references.map(async (reference) => {
      try {
        const object = await read(reference)
        if (object === undefined) return { ...reference, yaml: '', problem: 'it is not there any more' }
        const yaml = objectYaml(object)
        if (yaml.length > LONGEST_YAML)
          return { ...reference, yaml: '', problem: `it is longer than ${LONGEST_YAML / 1024} KiB` }
        return { ...reference, yaml, problem: '' }
      } catch (error) {
        return { ...reference, yaml: '', problem: describeError(error) }
      }
    }),
  )
}

/** Without status, and without what nobody wrote by hand. */
export function objectYaml(object: unknown): string {
  const { apiVersion, kind, metadata, status: _, ...rest } = object as Readonly<Record<string, unknown>>
  const said = Object.entries((metadata ?? {}) as Readonly<Record<string, unknown>>)
    .filter(([key]) => AUTHORED.includes(key))
    .map(([key, value]) => [key, key === 'annotations' ? shownAnnotations(value) : value] as const)
    .filter(([, value]) => value !== undefined)
  return stringify({ apiVersion, kind, metadata: Object.fromEntries(said), ...rest }, STYLE)
}

function shownAnnotations(value: unknown): unknown {
  const shown = Object.entries((value ?? {}) as object).filter(([key]) => !NOT_SHOWN.test(key))
  return shown.length > 0 ? Object.fromEntries(shown) : undefined
}
