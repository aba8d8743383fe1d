import { originPattern } from './cors.ts'
import type { Match, RouteEntry } from './route.ts'

/** Of all that a match has. */
function patternsOf({ path, headers, query }: Match): string[] {
  const values = [...headers, ...query].flatMap(({ kind, value }) => (kind === 'regex' ? [value] : []))
  return path.kind === 'regex' ? [path.value, ...values] : values
}

/** Of all that a sidecar gets for it: a preflight has the match once more, where that asks for a method. */
export function patternsOfEntry({ match, rule: { cors } }: RouteEntry): string[] {
  const own = patternsOf(match)
  if (!cors) return own
  const origins = cors.origins === 'any' ? ['.*'] : cors.origins.flatMap((one) => originPattern(one) ?? [])
  const all = [...own, ...origins]
  return match.method === undefined ? all : [...all, ...all]
}
