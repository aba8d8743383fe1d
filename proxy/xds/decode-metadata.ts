import type { Metadata } from '../../core/xds/generated/envoy.js'
import type { JsonObject, JsonValue } from '../../core/xds/well-known.ts'
import type { Scope } from './scope.ts'

// envoy.config.core.v3.Metadata: a Struct by namespace. The table says which namespaces and keys there are.

/** '' where it is not. `scope`: of what has the metadata. */
export function decodeText(
  metadata: Metadata | undefined,
  namespace: string,
  key: string,
  scope: Scope,
): string {
  const value = valueOf(metadata, namespace, key)
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  placeOf(scope, namespace).at(key).fail('must be text')
  return ''
}

/** False where it is not. */
export function decodeFlag(
  metadata: Metadata | undefined,
  namespace: string,
  key: string,
  scope: Scope,
): boolean {
  const value = valueOf(metadata, namespace, key) ?? false
  if (typeof value === 'boolean') return value
  placeOf(scope, namespace).at(key).fail('must be true or false')
  return false
}

/** Undefined where it is not. */
export function decodeNumber(
  metadata: Metadata | undefined,
  namespace: string,
  key: string,
  scope: Scope,
): number | undefined {
  const value = valueOf(metadata, namespace, key)
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value))) return value
  placeOf(scope, namespace).at(key).fail('must be a whole number')
  return undefined
}

/** A Struct below a key; undefined where it is not. */
export function decodeStruct(
  metadata: Metadata | undefined,
  namespace: string,
  key: string,
  scope: Scope,
): JsonObject | undefined {
  const value = valueOf(metadata, namespace, key)
  if (value === undefined) return undefined
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  placeOf(scope, namespace).at(key).fail('must be an object')
  return undefined
}

/** A whole namespace, of text alone. */
export function decodeTexts(
  metadata: Metadata | undefined,
  namespace: string,
  scope: Scope,
): Readonly<Record<string, string>> {
  return textsOf(metadata?.filterMetadata?.[namespace], placeOf(scope, namespace))
}

/** A Struct of text alone. */
export function textsOf(struct: JsonObject | undefined, scope: Scope): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const [key, value] of Object.entries(struct ?? {}))
    if (typeof value === 'string') texts[key] = value
    else scope.at(key).fail('must be text')
  return texts
}

export function valueOf(
  metadata: Metadata | undefined,
  namespace: string,
  key: string,
): JsonValue | undefined {
  const struct = metadata?.filterMetadata?.[namespace]
  return struct && Object.hasOwn(struct, key) ? struct[key] : undefined
}

function placeOf(scope: Scope, namespace: string): Scope {
  return scope.at('metadata').at(`filter_metadata[${namespace}]`)
}
