import type { Match, ValueMatch } from '../model/route.ts'
import type { RouteMatch, RouteValueMatch } from '../registry/kinds/route.ts'
import { escapePattern, patternProblem } from '../model/pattern.ts'

/** Throws nothing: a match that cannot be carried out comes back as the reason. */
export function translateMatch(
  kind: 'HTTPRoute' | 'GRPCRoute',
  match: RouteMatch,
): Match | { problem: string } {
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
  return { kind: 'regex', value: `/${group(service)}/${group(method)}` }
}

/** Gateway API: of several matches of one name the first counts. */
function firstOfEachName(matches: readonly RouteValueMatch[]): readonly ValueMatch[] {
  const byName = new Map<string, ValueMatch>()
  for (const { name, type, value } of matches) {
    if (!byName.has(name)) byName.set(name, { name, kind: type === 'Exact' ? 'exact' : 'regex', value })
  }
  return [...byName.values()]
}
