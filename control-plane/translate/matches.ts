import type { Match, ValueMatch } from '../model/route.ts'
import type { RouteMatch, RouteValueMatch } from '../registry/kinds/route.ts'
import type { PatternBudget } from '../../core/pattern-budget.ts'
import { escapePattern, patternProblem } from '../model/pattern.ts'

type Translated = Match | { readonly problem: string }

/** Routes are translated again with every change of any route or Service, and patterns take long to look at. */
const translated = {
  HTTPRoute: new WeakMap<RouteMatch, Translated>(),
  GRPCRoute: new WeakMap<RouteMatch, Translated>(),
}

/**
 * Throws nothing: a match that cannot be carried out comes back as the reason. `budget` is what the patterns of its route may
 * cost together; those that are too many are not looked at.
 */
export function translateMatch(
  kind: 'HTTPRoute' | 'GRPCRoute',
  match: RouteMatch,
  budget: PatternBudget,
): Translated {
  const problem = budget.add(writtenPatterns(match))
  if (problem !== undefined) return { problem }
  const known = translated[kind].get(match)
  if (known) return known
  const made = translateOnce(kind, match)
  translated[kind].set(match, made)
  return made
}

function writtenPatterns({ path, grpc, headers, query }: RouteMatch): string[] {
  return [path, ...headers, ...query]
    .flatMap((part) => (part?.type === 'RegularExpression' ? [part.value] : []))
    .concat(grpc?.type === 'RegularExpression' ? [grpc.service, grpc.method] : [])
}

function translateOnce(kind: 'HTTPRoute' | 'GRPCRoute', match: RouteMatch): Translated {
  for (const part of [...match.headers, ...match.query]) {
    const problem = part.type === 'RegularExpression' ? patternProblem(part.value) : undefined
    if (problem) return { problem: `${part.name}: ${problem}` }
  }
  const path = kind === 'HTTPRoute' ? httpPath(match.path) : grpcPath(match.grpc)
  if ('problem' in path) return path
  return {
    path,
    method: match.method,
    headers: firstOfEachName(match.headers),
    query: firstOfEachName(match.query),
    grpc: kind === 'GRPCRoute',
  }
}

function httpPath(path: RouteMatch['path']): Match['path'] | { problem: string } {
  if (!path) return { kind: 'prefix', value: '' }
  if (path.type === 'Exact') return { kind: 'exact', value: path.value }
  if (path.type === 'PathPrefix') return { kind: 'prefix', value: path.value.replace(/\/+$/, '') }
  const problem = patternProblem(path.value)
  return problem ? { problem: `path: ${problem}` } : { kind: 'regex', value: path.value }
}

/** `/service/method` (gRPC over HTTP/2, "Requests"). */
function grpcPath(grpc: RouteMatch['grpc']): Match['path'] | { problem: string } {
  if (!grpc) return { kind: 'prefix', value: '' }
  const { type, service, method } = grpc
  if (type === 'Exact') {
    if (method === '') return { kind: 'prefix', value: `/${service}` }
    if (service !== '') return { kind: 'exact', value: `/${service}/${method}` }
    return { kind: 'regex', value: `/[^/]+/${escapePattern(method)}` }
  }
  for (const part of [service, method]) {
    const problem = patternProblem(part)
    if (problem) return { problem: `method: ${problem}` }
  }
  const any = '[^/]+'
  const group = (part: string) => (part === '' ? any : `(?:${part})`)
  const value = `/${group(service)}/${group(method)}`
  // Together they may be too large where each is not.
  const problem = patternProblem(value)
  return problem ? { problem: `method: ${problem}` } : { kind: 'regex', value }
}

/** Gateway API: of several matches of one name the first counts. */
function firstOfEachName(matches: readonly RouteValueMatch[]): readonly ValueMatch[] {
  const byName = new Map<string, ValueMatch>()
  for (const { name, type, value } of matches) {
    if (!byName.has(name)) byName.set(name, { name, kind: type === 'Exact' ? 'exact' : 'regex', value })
  }
  return [...byName.values()]
}
