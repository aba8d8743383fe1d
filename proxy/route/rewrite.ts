import { removeField, setField, type RequestHead, type ResponseHead } from '../http/message.ts'
import { LOWER_CASE } from '../http/spelling.ts'
import type {
  ForwardAction,
  HeaderMutation,
  MutatedField,
  RedirectAction,
  RouteMatch,
} from '../model/route.ts'

// What configuration holds is frozen, and of frozen lists V8 makes an iterator each time: so by index, here.

/** Applies remove, set, add in place; names are written as the configuration has them. */
export function mutate(head: RequestHead | ResponseHead, mutation: HeaderMutation): void {
  for (let i = 0; i < mutation.remove.length; i++) removeField(head.fields, mutation.remove[i] as string)
  for (let i = 0; i < mutation.set.length; i++) set(head, mutation.set[i] as MutatedField)
  for (let i = 0; i < mutation.add.length; i++) add(head, mutation.add[i] as MutatedField)
}

/** As `mutate`, but `host` and `:authority` go where a request keeps them. */
export function mutateRequest(head: RequestHead, mutation: HeaderMutation): void {
  for (let i = 0; i < mutation.remove.length; i++) removeField(head.fields, mutation.remove[i] as string)
  for (let i = 0; i < mutation.set.length; i++) {
    const field = mutation.set[i] as MutatedField
    const name = field[0]
    if (name === 'host' || name === ':authority') head.authority = field[1]
    else set(head, field)
  }
  for (let i = 0; i < mutation.add.length; i++) add(head, mutation.add[i] as MutatedField)
}

function set(head: RequestHead | ResponseHead, [name, value, written = name]: MutatedField): void {
  setField(head.fields, name, value)
  if (written !== name || head.spelling !== undefined)
    head.spelling = (head.spelling ?? LOWER_CASE).replaced(written)
}

function add(head: RequestHead | ResponseHead, [name, value, written = name]: MutatedField): void {
  const { fields } = head
  if (written !== name || head.spelling !== undefined) {
    let before = 0
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) before++
    head.spelling = (head.spelling ?? LOWER_CASE).appended(written, before)
  }
  fields.push(name, value)
}

/** Rewrites path and authority as the action says; the query stays. */
export function rewriteRequest(head: RequestHead, match: RouteMatch, action: ForwardAction): void {
  if (action.rewrite.authority !== undefined) head.authority = action.rewrite.authority
  const rewrite = action.rewrite.path
  if (!rewrite || match.path.kind === 'connect') return
  const { path, query } = splitPath(head.path)
  if (rewrite.kind === 'regex') head.path = rewrite.pattern.replaceAll(path, rewrite.substitution) + query
  else head.path = replacePrefix(match, path, rewrite.value) + query
}

/** The Location of a redirect (Gateway API HTTPRequestRedirectFilter; RFC 9110 section 10.2.2). */
export function redirectLocation(head: RequestHead, match: RouteMatch, action: RedirectAction): string {
  const scheme = action.scheme ?? head.scheme
  const [host, givenPort] = splitAuthority(action.authority ?? head.authority)
  const port = action.port ?? (action.scheme !== undefined && action.scheme !== head.scheme ? '' : givenPort)
  const portText = String(port)
  const wellKnown = (scheme === 'http' && portText === '80') || (scheme === 'https' && portText === '443')
  const { path, query } = splitPath(head.path)
  const target =
    action.path === undefined
      ? path
      : action.path.kind === 'full'
        ? action.path.value
        : replacePrefix(match, path, action.path.value)
  return `${scheme}://${host}${portText === '' || wellKnown ? '' : `:${portText}`}${target}${query}`
}

function splitPath(target: string): { path: string; query: string } {
  const question = target.indexOf('?')
  return question < 0
    ? { path: target, query: '' }
    : { path: target.slice(0, question), query: target.slice(question) }
}

function splitAuthority(authority: string): [host: string, port: string] {
  const colon = authority.lastIndexOf(':')
  if (colon < 0 || authority.endsWith(']')) return [authority, '']
  return [authority.slice(0, colon), authority.slice(colon + 1)]
}

function replacePrefix(match: RouteMatch, path: string, replacement: string): string {
  if (match.path.kind === 'connect') return path
  // What matched is the whole path: Envoy replaces all of it.
  if (match.path.kind === 'regex' || match.path.kind === 'exact') return replacement || '/'
  const prefix = match.path.value
  const rest = path.slice(prefix.length)
  if (match.path.kind === 'prefix' || rest === '') return replacement + rest || '/'
  // By segments: exactly one slash between the new prefix and what follows (ReplacePrefixMatch's table).
  const left = replacement.endsWith('/') ? replacement.slice(0, -1) : replacement
  const right = rest.startsWith('/') ? rest : `/${rest}`
  const joined = left + right
  return joined.startsWith('/') ? joined : `/${joined}`
}
