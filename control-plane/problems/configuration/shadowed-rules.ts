import type { ObjectName, Problem } from '../../../core/problem.ts'
import type { RouteEntry } from '../../model/route.ts'
import { requestRoutes } from '../../model/route.ts'
import { describeMatch } from '../../service-view.ts'
import { findingOf, type CheckedMesh } from './checked-mesh.ts'
import { covers } from './match-cover.ts'

/** Beyond that many matches at one Service port only the first are compared: each is compared with all before it. */
const MOST_MATCHES = 2000

interface Shadow {
  readonly entry: RouteEntry
  /** The one that takes its requests. */
  readonly by: RouteEntry
  readonly portKey: string
}

/** Rules, and matches of rules, that no request can reach because another is tried before. */
export function shadowedRules({ mesh }: CheckedMesh): Problem[] {
  const matches = new Map<string, number>()
  const shadows = new Map<string, Shadow[]>()
  for (const [portKey, { producer, consumers }] of mesh.routes)
    for (const group of [producer, ...consumers.values()]) {
      const entries = requestRoutes(group)?.entries ?? []
      for (const [at, entry] of entries.entries()) {
        const { name } = entry.rule
        matches.set(name, (matches.get(name) ?? 0) + 1)
        if (at >= MOST_MATCHES) continue
        const by = entries.slice(0, at).find((earlier) => covers(earlier.match, entry.match))
        if (by) shadows.set(name, [...(shadows.get(name) ?? []), { entry, by, portKey }])
      }
    }
  return [...shadows].flatMap(([name, found]) => {
    const whole = found.length === matches.get(name)
    const [first] = found as [Shadow, ...Shadow[]]
    if (whole) return [ruleFinding(name, first, true)]
    const once = new Map(found.map((one) => [describeMatch(one.entry.match), one]))
    return [...once.values()].map((one) => ruleFinding(name, one, false))
  })
}

function ruleFinding(rule: string, { entry, by, portKey }: Shadow, whole: boolean): Problem {
  const { of, index } = ruleOf(rule)
  const other = ruleOf(by.rule.name)
  const same = covers(entry.match, by.match)
  const match = describeMatch(entry.match)
  const there =
    other.of.kind === of.kind && other.of.namespace === of.namespace && other.of.name === of.name
      ? `rule ${other.index}`
      : `rule ${other.index} of ${other.of.kind} ${other.of.namespace}/${other.of.name}`
  const field = `spec.rules[${index}]${whole ? '' : '.matches'}`
  const taken = same ? `${there} has the same match` : `${there} takes ${describeMatch(by.match)} before`
  return findingOf(same ? 'WEFT0121' : 'WEFT0120', of, field, {
    message: `${whole ? 'never matches' : `its match ${match} never holds`} at Service port ${portKey}: ${taken}`,
    remedy: same
      ? `put the backends of both into ${there}, or let the match of one be more exact`
      : `make ${whole ? 'it' : match} more exact than ${describeMatch(by.match)}, or take it out`,
    effect: `These requests follow ${there}.`,
  })
}

/** Of `HTTPRoute/shop/catalog/0`. */
export function ruleOf(name: string): { readonly of: ObjectName; readonly index: number } {
  const [kind = '', namespace = '', route = '', index = '0'] = name.split('/')
  return { of: { kind, namespace, name: route }, index: Number(index) }
}
