import { CLIENT_CERTIFICATE_HEADER } from '../../core/contract.ts'
import type { RequestHead } from '../http/message.ts'
import { fieldValues } from '../http/message.ts'
import type { Route, RouteMatch } from '../model/route.ts'
import type { ValueMatch } from '../model/value-match.ts'
import { GRPC_ALONE, parseQuery, type Unmet } from '../route/match.ts'

/** Fields whose values nobody is told, neither those that came nor those that are asked for. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'x-api-key',
  CLIENT_CERTIFICATE_HEADER,
])
const LONGEST = 200

/** Why a route does not match, in one sentence. */
export function unmetText({ match }: Route, unmet: Unmet, head: RequestHead): string {
  if (unmet === GRPC_ALONE) return 'the content-type is none of gRPC'
  if (unmet === match.path) return pathUnmet(match.path, head)
  const value = unmet as ValueMatch
  const query = match.query.includes(value)
  const subject = query ? `query parameter ${value.name}` : subjectOf(value.name)
  const given = query ? queryOf(head, value.name) : givenOf(head, value.name)
  return `${subject} ${isText(given)}, the rule asks for ${wantedBy(value)}`
}

/** By what a route matches. */
export function matchText({ match }: Route): string {
  const parts = [
    pathText(match.path),
    ...(match.grpc ? ['a call of gRPC'] : []),
    ...match.headers.map((value) => `${subjectOf(value.name)}: ${wantedBy(value)}`),
    ...match.query.map((value) => `query parameter ${value.name}: ${wantedBy(value)}`),
  ]
  return parts.join('; ')
}

function pathUnmet(path: RouteMatch['path'], head: RequestHead): string {
  if (path.kind === 'connect') return 'it is for CONNECT alone'
  if (head.path === '') return 'CONNECT has no path, and the rule asks for one'
  return `the path is ${quoted(head.path.split('?', 1)[0] ?? '')}, the rule asks for ${pathText(path)}`
}

function pathText(path: RouteMatch['path']): string {
  switch (path.kind) {
    case 'connect':
      return 'CONNECT'
    case 'regex':
      return `a path like ${quoted(path.value.source)}`
    case 'exact':
      return `the path ${quoted(path.value)}${caseText(path)}`
    case 'prefix':
      return `a path that begins with ${quoted(path.value)}${caseText(path)}`
    case 'segment-prefix':
      return `the path ${quoted(path.value)} or one below it${caseText(path)}`
  }
}

function caseText({ caseSensitive }: { readonly caseSensitive: boolean }): string {
  return caseSensitive ? '' : ' in upper or lower case'
}

function subjectOf(name: string): string {
  if (name === 'host') return 'the authority'
  return name.startsWith(':') ? `the ${name.slice(1)}` : `header ${name}`
}

function givenOf(head: RequestHead, name: string): readonly string[] | undefined {
  switch (name) {
    case ':method':
      return [head.method]
    case ':path':
      return [head.path]
    case ':authority':
    case 'host':
      return [head.authority]
    case ':scheme':
      return [head.scheme]
    default: {
      const values = fieldValues(head.fields, name)
      return CREDENTIALS.has(name) && values.length > 0 ? undefined : values
    }
  }
}

function queryOf({ path }: RequestHead, name: string): readonly string[] {
  const question = path.indexOf('?')
  const value = question < 0 ? undefined : parseQuery(path.slice(question + 1)).get(name)
  return value === undefined ? [] : [value]
}

/** Undefined: it is there, and nobody is told. */
function isText(given: readonly string[] | undefined): string {
  if (!given) return 'is another one'
  return given.length === 0 ? 'is not there' : `is ${given.map(quoted).join(', ')}`
}

function wantedBy(match: ValueMatch): string {
  const { invert, kind, name, regex, value } = match
  if (kind === 'present') return invert ? 'none' : 'any value'
  const not = invert ? 'anything but ' : ''
  if (CREDENTIALS.has(name)) return `${not}a value that is not told here`
  switch (kind) {
    case 'exact':
      return not + quoted(value)
    case 'prefix':
      return `${not}what begins with ${quoted(value)}`
    case 'suffix':
      return `${not}what ends with ${quoted(value)}`
    case 'contains':
      return `${not}what holds ${quoted(value)}`
    case 'regex':
      return `${not}what is like ${quoted(regex?.source ?? value)}`
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text)
}
