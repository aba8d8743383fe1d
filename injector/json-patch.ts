import { WeftError } from '../core/errors.ts'

export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/** One operation of RFC 6902. */
export type PatchOperation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: Json }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; from: string; path: string }

/** One reference token of a JSON Pointer (RFC 6901 section 3): `~` first, so that `/` is not escaped twice. */
export function escapePointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Reference tokens of a pointer; `''` is the whole document. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw wrong(pointer, 'a JSON Pointer starts with "/" (RFC 6901)')
  return pointer
    .slice(1)
    .split('/')
    .map((token) => {
      if (/~(?![01])/.test(token)) throw wrong(pointer, '"~" is written "~0" in a JSON Pointer (RFC 6901)')
      return token.replaceAll('~1', '/').replaceAll('~0', '~')
    })
}

/**
 * Applies a JSON Patch (RFC 6902) and returns the new document; the given one stays as it was. All or
 * nothing: an operation that can't be done throws a WeftError `patch.invalid` whose field is its pointer.
 */
export function applyPatch(document: Json, patch: readonly PatchOperation[]): Json {
  let result = structuredClone(document)
  for (const operation of patch) result = applyOne(result, operation)
  return result
}

function applyOne(document: Json, operation: PatchOperation): Json {
  const tokens = parsePointer(operation.path)
  switch (operation.op) {
    case 'add':
      return add(document, tokens, structuredClone(operation.value), operation.path)
    case 'remove':
      return remove(document, tokens, operation.path)
    case 'replace':
      // RFC 6902 section 4.3: the target must exist.
      if (tokens.length === 0) return structuredClone(operation.value)
      return replace(document, tokens, structuredClone(operation.value), operation.path)
    case 'test':
      if (!equal(get(document, tokens, operation.path), operation.value)) {
        throw wrong(operation.path, 'the value differs from the one that the patch tests for')
      }
      return document
    case 'copy': {
      const value = get(document, parsePointer(operation.from), operation.from)
      return add(document, tokens, structuredClone(value), operation.path)
    }
    case 'move': {
      // RFC 6902 section 4.4: a value can't move into itself.
      if (operation.path.startsWith(`${operation.from}/`)) {
        throw wrong(operation.path, `"${operation.from}" can't move into itself`)
      }
      const from = parsePointer(operation.from)
      const value = get(document, from, operation.from)
      return add(remove(document, from, operation.from), tokens, value, operation.path)
    }
    default:
      throw wrong('op', `unknown operation ${JSON.stringify(operation satisfies never)}`)
  }
}

function get(document: Json, tokens: readonly string[], pointer: string): Json {
  let value = document
  for (const token of tokens) value = member(value, token, pointer)
  return value
}

function member(parent: Json, token: string, pointer: string): Json {
  if (Array.isArray(parent)) {
    const value = parent[index(token, parent.length - 1, pointer)]
    if (value !== undefined) return value
  } else if (isObject(parent) && Object.hasOwn(parent, token)) {
    const value = parent[token]
    if (value !== undefined) return value
  }
  throw wrong(pointer, `there is no "${token}"`)
}

function add(document: Json, tokens: readonly string[], value: Json, pointer: string): Json {
  const last = tokens.at(-1)
  if (last === undefined) return value
  const parent = get(document, tokens.slice(0, -1), pointer)
  if (Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : index(last, parent.length, pointer), 0, value)
  } else if (isObject(parent)) {
    set(parent, last, value)
  } else {
    throw wrong(pointer, 'the parent is neither an object nor an array')
  }
  return document
}

function replace(document: Json, tokens: readonly string[], value: Json, pointer: string): Json {
  get(document, tokens, pointer)
  const last = tokens.at(-1) ?? ''
  const parent = get(document, tokens.slice(0, -1), pointer)
  if (Array.isArray(parent)) parent[index(last, parent.length - 1, pointer)] = value
  else if (isObject(parent)) set(parent, last, value)
  return document
}

function remove(document: Json, tokens: readonly string[], pointer: string): Json {
  const last = tokens.at(-1)
  if (last === undefined) return null
  const parent = get(document, tokens.slice(0, -1), pointer)
  member(parent, last, pointer)
  if (Array.isArray(parent)) parent.splice(index(last, parent.length - 1, pointer), 1)
  else if (isObject(parent)) delete parent[last]
  return document
}

// A member called `__proto__` is data, so it is defined and not assigned.
function set(parent: JsonObject, key: string, value: Json): void {
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true })
}

// RFC 6901 section 4: digits without a leading zero.
function index(token: string, max: number, pointer: string): number {
  if (!/^(0|[1-9][0-9]*)$/.test(token)) throw wrong(pointer, `"${token}" is no array index`)
  const at = Number(token)
  if (at > max) throw wrong(pointer, `index ${token} is outside the array`)
  return at
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Equality of RFC 6902 section 4.6: the order of an object's members means nothing. */
function equal(a: Json, b: Json): boolean {
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, at) => equal(item, b[at] ?? null))
  }
  if (isObject(a)) {
    if (!isObject(b) || Object.keys(a).length !== Object.keys(b).length) return false
    return Object.entries(a).every(([key, value]) => Object.hasOwn(b, key) && equal(value, b[key] ?? null))
  }
  return a === b
}

function wrong(field: string, message: string): WeftError {
  return new WeftError('patch.invalid', message, { field })
}
