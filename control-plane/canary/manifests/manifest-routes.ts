import { isDeepStrictEqual } from 'node:util'
import type { CanaryObject, CanarySpec } from '../../registry/kinds/canary.ts'
import { writeShape, type RawRule } from '../route-shape.ts'
import type { RouteShape } from '../status.ts'

/** What a Canary made of a route that stands in a file. Plain JSON. */
interface Shaped {
  readonly namespace: string
  readonly spec: CanarySpec
  readonly shape: RouteShape
  /** The rules of the file when it was shaped first: an edit of them ends it. */
  readonly rules: readonly RawRule[]
}

/**
 * Routes of files as Canaries have them: the files stay as they are, and what is read of them gets the shape. Whoever edits
 * the rules in a file has the last word.
 */
export class ManifestRoutes {
  readonly #shaped = new Map<string, Shaped>()
  /** Rules as the files have them. */
  readonly #rules = new Map<string, readonly RawRule[]>()
  readonly #changed: () => void

  /** `saved` is what `entries` gave; `changed` is called when that is to be saved anew. */
  constructor(saved: unknown, changed: () => void) {
    this.#changed = changed
    if (typeof saved === 'object' && saved !== null)
      for (const [key, one] of Object.entries(saved)) this.#shaped.set(key, one as Shaped)
  }

  get entries(): Readonly<Record<string, Shaped>> {
    return Object.fromEntries(this.#shaped)
  }

  /** A document of a file as it is to be read. */
  revise(document: unknown): unknown {
    const route = routeOf(document)
    if (!route) return document
    this.#rules.set(route.key, route.rules)
    const shaped = this.#shaped.get(route.key)
    if (!shaped) return document
    if (!isDeepStrictEqual(shaped.rules, route.rules)) {
      this.#shaped.delete(route.key)
      this.#changed()
      return document
    }
    const rules = writeShape(route.rules, shaped.namespace, shaped.spec, shaped.shape)
    return { ...route.document, spec: { ...route.spec, rules } }
  }

  /** As they are in force; undefined: no file has the route. */
  rules(canary: CanaryObject): readonly RawRule[] | undefined {
    const key = keyOf(canary)
    const rules = this.#rules.get(key)
    const shaped = this.#shaped.get(key)
    if (!rules || !shaped) return rules
    return writeShape(rules, shaped.namespace, shaped.spec, shaped.shape)
  }

  shape(canary: CanaryObject, shape: RouteShape): void {
    const key = keyOf(canary)
    const rules = this.#rules.get(key)
    if (!rules) return
    this.#shaped.set(key, { namespace: canary.meta.namespace, spec: canary.spec, shape, rules })
    this.#changed()
  }

  /** The files' own rules hold again. */
  forget(canary: CanaryObject): void {
    if (this.#shaped.delete(keyOf(canary))) this.#changed()
  }
}

function keyOf({ meta, spec }: CanaryObject): string {
  return `${spec.route.kind} ${meta.namespace}/${spec.route.name}`
}

interface RouteDocument {
  readonly key: string
  readonly document: Readonly<Record<string, unknown>>
  readonly spec: Readonly<Record<string, unknown>>
  readonly rules: readonly RawRule[]
}

function routeOf(document: unknown): RouteDocument | undefined {
  const whole = mapOf(document)
  const kind = whole?.['kind']
  if (!whole || (kind !== 'HTTPRoute' && kind !== 'GRPCRoute')) return undefined
  const metadata = mapOf(whole['metadata'])
  const spec = mapOf(whole['spec'])
  const name = metadata?.['name']
  const namespace = metadata?.['namespace'] ?? 'default'
  const rules = spec?.['rules']
  if (!spec || typeof name !== 'string' || typeof namespace !== 'string') return undefined
  if (!Array.isArray(rules) || !rules.every((rule) => mapOf(rule) !== undefined)) return undefined
  return { key: `${kind} ${namespace}/${name}`, document: whole, spec, rules: rules as RawRule[] }
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value as Readonly<Record<string, unknown>>
}
