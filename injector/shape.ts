import { WeftError } from '../core/errors.ts'
import { isObject } from './json-patch.ts'
import type { Json, JsonObject } from './json-patch.ts'

/**
 * Readers of a document that somebody else wrote. Each takes the value and its path and throws a
 * WeftError `document.invalid` naming that path; null counts as absent, as it does in Kubernetes.
 */
export function readObject(value: unknown, field: string): JsonObject {
  if (!isObject(value)) throw mismatch(field, 'an object', value)
  return value
}

export function readOptionalObject(value: unknown, field: string): JsonObject | undefined {
  return value === undefined || value === null ? undefined : readObject(value, field)
}

/** Items of a list; absent is empty. */
export function readList(value: unknown, field: string): Json[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw mismatch(field, 'a list', value)
  return value
}

export function readString(value: unknown, field: string): string {
  if (typeof value !== 'string') throw mismatch(field, 'a string', value)
  return value
}

export function readOptionalString(value: unknown, field: string): string | undefined {
  return value === undefined || value === null ? undefined : readString(value, field)
}

export function readOptionalInteger(value: unknown, field: string): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw mismatch(field, 'an integer', value)
  return value
}

export function readOptionalBoolean(value: unknown, field: string): boolean | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'boolean') throw mismatch(field, 'true or false', value)
  return value
}

/** Labels or annotations; a key such as `constructor` finds nothing that isn't in the document. */
export function readStringMap(value: unknown, field: string): ReadonlyMap<string, string> {
  const object = readOptionalObject(value, field)
  if (!object) return new Map()
  return new Map(Object.entries(object).map(([key, text]) => [key, readString(text, `${field}["${key}"]`)]))
}

function mismatch(field: string, wanted: string, value: unknown): WeftError {
  const found =
    value === undefined ? 'nothing' : value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
  return new WeftError('document.invalid', `must be ${wanted}, not ${found}`, { field })
}
