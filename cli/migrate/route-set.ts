import type { FieldPath } from '../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../injector/json-patch.ts'
import type { KnownObjects } from './known-objects.ts'
import { nameWith, routeManifest, serviceParent, trafficPolicy, withoutEmpty } from './manifests.ts'
import type { Manifest, ObjectId } from './manifests.ts'
import type { Notes } from './notes.ts'
import { orderChanges, type PlacedRule } from './rule-order.ts'
import { httpRuleProblem } from './rule-problem.ts'

/** Gateway API's limits of an HTTPRoute: its rules, the matches of one, and those of all. */
const MOST_RULES = 16
const MOST_MATCHES = 64
const MOST_MATCHES_IN_ALL = 128

/** A rule of an HTTPRoute, with what no field of the rule says. */
export interface RuleParts {
  readonly rule: JsonObject
  /** Where it is written. */
  readonly field: FieldPath
  /** Undefined: every port of the parents. */
  readonly port: number | undefined
  /** Requests of callers in this namespace alone; undefined: of all. */
  readonly callers: string | undefined
  /** `faults` of a TrafficPolicy. */
  readonly faults: readonly JsonObject[]
  /** A POST may be sent again as well. */
  readonly retryNonIdempotent: boolean
}

/** What becomes one route. */
interface Group extends Pick<RuleParts, 'port' | 'faults' | 'retryNonIdempotent'> {
  readonly namespace: string
  readonly rules: RuleParts[]
}

/**
 * The HTTPRoutes that one object of another mesh becomes: rules that differ in their port, their callers, or what is set for a
 * whole route, are apart. What the control plane would refuse is left out, and told.
 */
export class RouteSet {
  readonly #parts: RuleParts[] = []
  readonly #own: ObjectId
  readonly #parents: readonly ObjectId[]
  readonly #known: KnownObjects
  readonly #notes: Notes

  /** `own`: what routes are called, and the namespace of backends that name none. */
  constructor(
    own: ObjectId,
    parents: readonly ObjectId[],
    { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
  ) {
    this.#own = own
    this.#parents = parents
    this.#known = known
    this.#notes = notes
  }

  add(parts: RuleParts): void {
    const problem = httpRuleProblem(parts.rule)
    if (problem !== undefined) {
      const remedy = 'correct it and convert it again; until then its requests go by the other rules'
      this.#notes.lost(parts.field, `becomes no rule: ${problem}`, remedy)
    } else if (parts.callers !== undefined && parts.callers === this.#parents[0]?.namespace)
      this.#notes.lost(
        parts.field,
        `is for callers in ${parts.callers} alone, where the Service is: a route there holds for all callers`,
        'tell these callers apart by a header',
      )
    else for (const rule of inPieces(parts.rule)) this.#parts.push({ ...parts, rule })
  }

  manifests(): readonly Manifest[] {
    const audiences = new Set([undefined, ...this.#parts.map(({ callers }) => callers)])
    return [...audiences].flatMap((callers) => this.#routesFor(callers))
  }

  /** Routes of a caller's namespace hold there in place of those of the Service's, so that they have the rules for all, too. */
  #routesFor(callers: string | undefined): readonly Manifest[] {
    const manifests: Manifest[] = []
    const placed: PlacedRule[] = []
    const parts = this.#parts.filter((one) => one.callers === undefined || one.callers === callers)
    for (const group of groupsOf(parts, callers ?? this.#own.namespace))
      for (const rules of inRoutes(group.rules)) {
        const id = { namespace: group.namespace, name: this.#own.name }
        const name = this.#known.claim('HTTPRoute', id)
        manifests.push(...this.#route(name, group, rules))
        for (const { rule, field, port } of rules) placed.push({ rule, field, port, name })
      }
    for (const { later, earlier } of orderChanges(placed))
      this.#notes.changed(
        later.field,
        `comes before ${nameOf(earlier)} for requests that both match: Gateway API takes the more specific rule, not the first`,
        'make their matches exclude each other where that is not what is wanted',
      )
    return manifests
  }

  #route(name: string, group: Group, rules: readonly RuleParts[]): readonly Manifest[] {
    const id = { namespace: group.namespace, name }
    const spec = withoutEmpty({
      parentRefs: this.#parents.map((parent) => serviceParent(parent, id.namespace, group.port)),
      rules: rules.map(({ rule }) => inNamespace(rule, this.#own.namespace, id.namespace)),
    })
    const annotations = group.retryNonIdempotent ? { 'weft.dev/retry-non-idempotent': 'true' } : undefined
    const route = routeManifest('HTTPRoute', id, spec, annotations)
    if (group.faults.length === 0) return [route]
    const named = { ...id, name: nameWith(name, 'faults') }
    const policy = { ...id, name: this.#known.claim('TrafficPolicy', named) }
    return [route, trafficPolicy(policy, [{ kind: 'HTTPRoute', name }], { faults: [...group.faults] })]
  }
}

function groupsOf(parts: readonly RuleParts[], namespace: string): Iterable<Group> {
  const groups = new Map<string, Group>()
  for (const part of parts) {
    const { port, faults, retryNonIdempotent } = part
    const key = JSON.stringify([port, faults, retryNonIdempotent])
    const group = groups.get(key) ?? { namespace, port, faults, retryNonIdempotent, rules: [] }
    group.rules.push(part)
    groups.set(key, group)
  }
  return groups.values()
}

/** A rule with more matches than one may have, as several. */
function inPieces(rule: JsonObject): readonly JsonObject[] {
  const { matches } = rule
  if (!Array.isArray(matches) || matches.length <= MOST_MATCHES) return [rule]
  const count = Math.ceil(matches.length / MOST_MATCHES)
  return Array.from({ length: count }, (_, at) => ({
    ...rule,
    matches: matches.slice(at * MOST_MATCHES, (at + 1) * MOST_MATCHES),
  }))
}

/** Rules by the routes that can hold them. */
function inRoutes(rules: readonly RuleParts[]): readonly (readonly RuleParts[])[] {
  const routes: RuleParts[][] = []
  let matches = 0
  for (const parts of rules) {
    const own = Array.isArray(parts.rule['matches']) ? parts.rule['matches'].length : 1
    const last = routes.at(-1)
    if (last && last.length < MOST_RULES && matches + own <= MOST_MATCHES_IN_ALL) {
      last.push(parts)
      matches += own
    } else {
      routes.push([parts])
      matches = own
    }
  }
  return routes
}

function nameOf({ field }: PlacedRule): string {
  const [, list, index] = field
  return typeof index === 'number' ? `spec.${String(list)}[${index}]` : 'a rule before it'
}

/** Backends without a namespace are those of the route's. */
function inNamespace(rule: JsonObject, from: string, to: string): JsonObject {
  if (from === to) return rule
  const placed = (target: JsonObject): JsonObject => ({ namespace: from, ...target })
  const { backendRefs, filters } = rule
  return {
    ...rule,
    ...(Array.isArray(backendRefs) && { backendRefs: backendRefs.map((ref) => placed(ref as JsonObject)) }),
    ...(Array.isArray(filters) && {
      filters: filters.map((filter) => {
        const { requestMirror } = filter as JsonObject
        if (requestMirror === undefined) return filter
        const mirror = requestMirror as JsonObject
        return {
          ...(filter as JsonObject),
          requestMirror: { ...mirror, backendRef: placed(mirror['backendRef'] as JsonObject) },
        }
      }),
    }),
  }
}
