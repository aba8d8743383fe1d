import type { CanaryBackend, CanarySpec, TesterMatch } from '../registry/kinds/canary.ts'
import type { RouteShape } from './status.ts'

/** A rule of an HTTPRoute or GRPCRoute as its author wrote it. */
export type RawRule = Readonly<Record<string, unknown>>

/** What of a route belongs to a Canary: the rules that lead to both of its versions. */
export interface OwnedRules {
  /** Their indexes, as in the names of rules in metrics. */
  readonly indexes: readonly number[]
  /** Those of the rules that testers follow. */
  readonly testerIndexes: readonly number[]
  readonly shape: RouteShape
}

/** Set on answers to testers; the rule that has it is the Canary's own. */
const TESTER_HEADER = 'weft-canary'

export const STABLE_ONLY: RouteShape = { weight: 0, mirrorPercent: 0, testers: false }

export function sameShape(a: RouteShape, b: RouteShape): boolean {
  return a.weight === b.weight && a.mirrorPercent === b.mirrorPercent && a.testers === b.testers
}

/**
 * What the rules of a route do with both versions now. A text where that can't be a Canary's: what is wrong, and what
 * to do.
 */
export function readShape(
  rules: readonly RawRule[],
  namespace: string,
  spec: CanarySpec,
): OwnedRules | string {
  const owned = [...rules.entries()].filter(([, rule]) => {
    const refs = listOf(rule['backendRefs'])
    return [spec.stable, spec.canary].every((one) => refs.some((ref) => isBackend(ref, namespace, one)))
  })
  const [first] = owned
  if (!first)
    return (
      `no rule of ${spec.route.kind} ${namespace}/${spec.route.name} has both ${textOf(spec.stable)} and ${textOf(spec.canary)} among ` +
      'its backendRefs: add the one that is missing, with weight 0'
    )
  const other = owned.find(([, rule]) => listOf(rule['backendRefs']).length !== 2)
  if (other)
    return `rules[${other[0]}] of ${spec.route.kind} ${namespace}/${spec.route.name} has other backendRefs, too: leave it the two versions`
  const weights = owned.map(([, rule]) => weightOf(rule, namespace, spec))
  const mirrors = owned.map(([, rule]) => mirrorOf(rule, namespace, spec.canary))
  const indexes = owned.map(([index]) => index)
  // Rules that differ: a shape that nobody writes, so that it counts as an edit.
  const one = <T>(values: readonly T[], mixed: T): T =>
    values.every((value) => value === values[0]) ? (values[0] as T) : mixed
  const testerIndexes = [...rules.keys()].filter((index) => isTesterRule(rules[index] as RawRule))
  return {
    indexes,
    testerIndexes,
    shape: {
      weight: one(weights, -1),
      mirrorPercent: one(mirrors, -1),
      testers: testerIndexes.length > 0,
    },
  }
}

/** The same rules with another shape; what is not about the two versions stays as it is. */
export function writeShape(
  rules: readonly RawRule[],
  namespace: string,
  spec: CanarySpec,
  shape: RouteShape,
): RawRule[] {
  const own = rules.filter((rule) => !isTesterRule(rule))
  const read = readShape(own, namespace, spec)
  if (typeof read === 'string') return [...rules]
  const owned = new Set(read.indexes)
  const shaped = own.map((rule, index) =>
    owned.has(index) ? shapedRule(rule, namespace, spec, shape) : rule,
  )
  // Behind all others: the place of a rule is its name in metrics, and precedence goes by matches.
  const testers = shape.testers ? shaped.filter((_, index) => owned.has(index)) : []
  return [...shaped, ...testers.map((rule) => testerRule(rule, namespace, spec))]
}

function shapedRule(rule: RawRule, namespace: string, spec: CanarySpec, shape: RouteShape): RawRule {
  const backendRefs = listOf(rule['backendRefs']).map((ref) => ({
    ...ref,
    weight: isBackend(ref, namespace, spec.canary) ? shape.weight : 100 - shape.weight,
  }))
  const filters = listOf(rule['filters']).filter((filter) => !isMirror(filter, namespace, spec.canary))
  const { name, port } = spec.canary
  const mirror = {
    type: 'RequestMirror',
    requestMirror: { backendRef: { name, port }, percent: shape.mirrorPercent },
  }
  const all = shape.mirrorPercent > 0 ? [...filters, mirror] : filters
  const { filters: _, ...rest } = rule
  return { ...rest, ...(all.length > 0 ? { filters: all } : {}), backendRefs }
}

/** For each match of the rule and each kind of tester one match of both. */
function testerRule(rule: RawRule, namespace: string, spec: CanarySpec): RawRule {
  const testers = spec.steps.flatMap((step) => (step.kind === 'testers' ? step.testers : []))
  const matches = listOf(rule['matches'])
  const { name: _, ...rest } = rule
  const marker = {
    type: 'ResponseHeaderModifier',
    responseHeaderModifier: { set: [{ name: TESTER_HEADER, value: 'tester' }] },
  }
  const filters = listOf(rule['filters']).filter(
    (filter) => filter['type'] !== 'ResponseHeaderModifier' && !isMirror(filter, namespace, spec.canary),
  )
  return {
    ...rest,
    matches: (matches.length > 0 ? matches : [{}]).flatMap((match) =>
      testers.map((tester) => ({
        ...match,
        headers: [...listOf(match['headers']), headerMatch(tester)],
      })),
    ),
    filters: [...filters, marker],
    backendRefs: listOf(rule['backendRefs'])
      .filter((ref) => isBackend(ref, namespace, spec.canary))
      .map((ref) => ({ ...ref, weight: 1 })),
  }
}

/** A cookie is one of several in its field (RFC 6265, section 4.2.1). */
function headerMatch({ type, name, value }: TesterMatch): RawRule {
  if (type === 'header') return { type: 'Exact', name, value }
  const literal = `${name}=${value}`.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return { type: 'RegularExpression', name: 'cookie', value: `(.*; ?)?${literal}(;.*)?` }
}

function isTesterRule(rule: RawRule): boolean {
  return listOf(rule['filters']).some(
    (filter) =>
      filter['type'] === 'ResponseHeaderModifier' &&
      listOf(mapOf(filter['responseHeaderModifier'])['set']).some(({ name }) => name === TESTER_HEADER),
  )
}

/** The new version's percent; -1 where it is none of the whole percents that a Canary writes. */
function weightOf(rule: RawRule, namespace: string, spec: CanarySpec): number {
  const refs = listOf(rule['backendRefs'])
  const of = (backend: CanaryBackend): number => {
    const weight = refs.find((ref) => isBackend(ref, namespace, backend))?.['weight']
    return typeof weight === 'number' ? weight : 1
  }
  const [stable, canary] = [of(spec.stable), of(spec.canary)]
  return stable + canary === 100 ? canary : -1
}

function mirrorOf(rule: RawRule, namespace: string, canary: CanaryBackend): number {
  const mirror = listOf(rule['filters']).find((filter) => isMirror(filter, namespace, canary))
  if (!mirror) return 0
  const { percent } = mapOf(mirror['requestMirror'])
  return typeof percent === 'number' ? percent : 100
}

function isMirror(filter: RawRule, namespace: string, canary: CanaryBackend): boolean {
  if (filter['type'] !== 'RequestMirror') return false
  return isBackend(mapOf(mapOf(filter['requestMirror'])['backendRef']), namespace, canary)
}

function isBackend(ref: RawRule, namespace: string, { name, port }: CanaryBackend): boolean {
  return (
    ref['name'] === name &&
    ref['port'] === port &&
    (ref['namespace'] ?? namespace) === namespace &&
    (ref['kind'] ?? 'Service') === 'Service'
  )
}

function textOf({ name, port }: CanaryBackend): string {
  return `${name}:${port}`
}

function listOf(value: unknown): readonly RawRule[] {
  return Array.isArray(value) ? value.map(mapOf) : []
}

function mapOf(value: unknown): RawRule {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RawRule) : {}
}
