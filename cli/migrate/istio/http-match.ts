import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { patternOf, readStringMatch, valueMatch } from './string-match.ts'

/** One of `http[].match`, which becomes several where a method is one of several. */
export interface HttpMatch {
  /** Matches of a rule of an HTTPRoute. */
  readonly matches: readonly JsonObject[]
  readonly port: number | undefined
  /** Namespace of the callers. */
  readonly callers: string | undefined
}

export const MESH = 'mesh'
const LIST_OF_METHODS = /^\(?[A-Z]+(?:\|[A-Z]+)*\)?$/

/**
 * Undefined: a condition has no counterpart, which is told, and the match is left out as a whole, because without the condition
 * it would be for more requests than it was meant for; or it is for gateways alone.
 */
export function readHttpMatch(match: Fields, notes: Notes): HttpMatch | undefined {
  const gateways = match.texts('gateways')
  const before = notes.losses
  notes.withoutCounterpart(match, {
    sourceLabels: 'tell callers apart by a header, or by their namespace (sourceNamespace)',
    withoutHeaders: 'match the header where it is there, in a rule of its own',
    scheme: 'take it out: between sidecars there is one scheme a port',
  })
  match.skip('name', 'statPrefix')
  const uri = readUri(match, notes)
  const methods = readMethods(match, notes)
  const authority = match.optionalMap('authority')
  const headers = readValues(match, 'headers')
  if (authority) headers.push(valueMatch('Host', readStringMatch(authority)))
  const queryParams = readValues(match, 'queryParams')
  const port = match.integer('port', 1, 65535)
  const callers = match.text('sourceNamespace')
  match.refuseUnknown()
  if (notes.losses > before) return undefined
  if (gateways.length > 0 && !gateways.includes(MESH)) return undefined
  const matches = methods.map((method) =>
    withoutEmpty({ path: uri, method, headers: headers.map(copy), queryParams: queryParams.map(copy) }),
  )
  return { matches, port, callers }
}

function copy(match: Readonly<Record<string, string>>): JsonObject {
  return { ...match }
}

function readUri(match: Fields, notes: Notes): JsonObject | undefined {
  const uri = match.optionalMap('uri')
  const ignoreCase = match.boolean('ignoreUriCase') ?? false
  if (!uri) return undefined
  const read = readStringMatch(uri)
  if (read.kind === 'present') return undefined
  if (read.kind === 'regex') return { type: 'RegularExpression', value: read.value }
  if (ignoreCase) return { type: 'RegularExpression', value: `(?i)${patternOf(read)}` }
  if (read.kind === 'exact') return { type: 'Exact', value: read.value }
  if (read.value !== '/') notePrefix(read.value, uri, notes)
  return { type: 'PathPrefix', value: read.value }
}

function notePrefix(value: string, uri: Fields, notes: Notes): void {
  const bare = value.replace(/\/+$/, '')
  notes.changed(
    [...uri.path, 'prefix'],
    value.endsWith('/')
      ? `Gateway API's PathPrefix takes ${bare}, too, and not only what is below`
      : `Gateway API's PathPrefix takes whole segments: ${bare} and ${bare}/..., not ${bare}x`,
    'write a RegularExpression where that is not what is wanted',
  )
}

function readMethods(match: Fields, notes: Notes): readonly (string | undefined)[] {
  const method = match.optionalMap('method')
  if (!method) return [undefined]
  const read = readStringMatch(method)
  if (read.kind === 'exact') return [read.value]
  if (read.kind === 'present') return [undefined]
  if (read.kind === 'regex' && LIST_OF_METHODS.test(read.value))
    return read.value.replaceAll(/[()]/g, '').split('|')
  notes.lost([...method.path, read.kind], 'has no counterpart', 'name the methods: GET|HEAD')
  return []
}

function readValues(match: Fields, name: string): Readonly<Record<string, string>>[] {
  const values = match.optionalMap(name)
  return values ? values.names().map((one) => valueMatch(one, readStringMatch(values.map(one)))) : []
}
