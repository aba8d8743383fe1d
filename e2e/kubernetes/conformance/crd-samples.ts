/** What is used of OpenAPI's schema in a CustomResourceDefinition. */
export interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
}

const MOST_INT32 = 2 ** 31 - 1

/** Every field below, as `spec.rules[].name`. */
export function fieldsOf(schema: Schema, path: string): readonly string[] {
  if (schema.items) return fieldsOf(schema.items, `${path}[]`)
  return Object.entries(schema.properties ?? {}).flatMap(([name, one]) => [
    `${path}.${name}`,
    ...fieldsOf(one, `${path}.${name}`),
  ])
}

/**
 * Values with all fields, of which together each field has each value of its enumeration, or the least and the greatest of
 * its numbers. Where a field `type` says which of the others holds (`CORS`: `cors`), that one alone is there. A list has all
 * that there are of its items. Patterns and lengths of texts are not kept.
 */
export function samplesOf(schema: Schema): readonly unknown[] {
  if (schema.enum) return schema.enum
  if (schema.type === 'object') return objectsOf(schema.properties ?? {})
  if (schema.type === 'array') return [schema.items ? samplesOf(schema.items) : []]
  if (schema.type === 'integer') return [schema.minimum ?? 1, schema.maximum ?? MOST_INT32]
  return schema.type === 'boolean' ? [true, false] : ['a']
}

function objectsOf({ type, ...others }: Readonly<Record<string, Schema>>): readonly unknown[] {
  const kinds = type?.enum?.map(String) ?? []
  if (kinds.length === 0) return combined(type ? { type, ...others } : others)
  const ofAll = Object.entries(others).filter(([name]) => !kinds.some((kind) => isBodyOf(kind, name)))
  return kinds.flatMap((kind) => {
    const own = Object.entries(others).filter(([name]) => isBodyOf(kind, name))
    return combined(Object.fromEntries([...ofAll, ...own])).map((object) => ({ type: kind, ...object }))
  })
}

/** `urlRewrite` is that of `type: URLRewrite`. */
function isBodyOf(kind: string, name: string): boolean {
  return kind.toLowerCase() === name.toLowerCase()
}

/** As few as hold every value of every field. */
function combined(
  properties: Readonly<Record<string, Schema>>,
): readonly Readonly<Record<string, unknown>>[] {
  const samples = Object.entries(properties).map(([name, schema]) => [name, samplesOf(schema)] as const)
  const count = Math.max(1, ...samples.map(([, of]) => of.length))
  return Array.from({ length: count }, (_, at) =>
    Object.fromEntries(samples.map(([name, of]) => [name, of[at % of.length]])),
  )
}

/** The value, which adds to `reads` each field that is read of it, as `spec.rules[].name`. */
export function recordReads(value: unknown, reads: Set<string>, path = ''): unknown {
  if (typeof value !== 'object' || value === null) return value
  return new Proxy(value, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name)
      if (typeof name === 'symbol' || typeof found === 'function') return found
      if (Array.isArray(target)) return recordReads(found, reads, `${path}[]`)
      const field = path === '' ? name : `${path}.${name}`
      reads.add(field)
      return recordReads(found, reads, field)
    },
  })
}
