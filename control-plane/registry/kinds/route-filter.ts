import type { Fields, TextCheck } from '../fields.ts'
import { readCors } from './cors-filter.ts'
import { HEADER_NAME } from './header-name.ts'
import { DNS_NAME } from './meta.ts'
import type { BackendRef, HeaderFilter, PathModifier, RouteFilter } from './route.ts'

const HEADER_VALUE: TextCheck = {
  // RFC 9110 section 5.5: no CR, LF or NUL, nothing that could end the line. oxlint-disable-next-line no-control-regex
  pattern: /^[\t\x20-\x7e\x80-\xff]{0,4096}$/,
  is: 'an HTTP field value without control characters',
}
const HOST: TextCheck = { ...DNS_NAME, is: 'a host name without a wildcard' }
/** A path that is sent on in a request line or a Location: no space, control character, backslash, `#` or `?`. */
const PATH: TextCheck = {
  pattern: /^\/[\x21\x22\x24-\x3e\x40-\x5b\x5d-\x7e]{0,1023}$/,
  is: 'a path that begins with "/"',
}

/** `filters` of a rule or, in it, of a backend. */
export function readBackendRef(ref: Fields, routeNamespace: string): BackendRef {
  const filters = ref.list('filters', (filter) => readFilter(filter, routeNamespace))
  return { ...readTarget(ref, routeNamespace, true), filters }
}

/** A reference to a Service, without filters. */
export function readTarget(ref: Fields, routeNamespace: string, weighted: boolean): BackendRef {
  const result = {
    group: ref.text('group') ?? '',
    kind: ref.text('kind') ?? 'Service',
    namespace: ref.text('namespace', DNS_NAME) ?? routeNamespace,
    name: ref.requiredText('name', DNS_NAME),
    port: ref.integer('port', 1, 65535),
    weight: weighted ? (ref.integer('weight', 0, 1_000_000) ?? 1) : 1,
    filters: [],
  }
  if (result.kind === 'Service' && result.group === '' && !ref.has('port')) {
    ref.problem('is required for a Service', 'port')
  }
  ref.refuseUnknown()
  return result
}

export function readFilter(filter: Fields, routeNamespace: string): RouteFilter {
  const type = filter.requiredText('type')
  const parsed = readKnownFilter(filter, type, routeNamespace)
  if (parsed.type === 'Unsupported') filter.skip('extensionRef', 'externalAuth')
  filter.refuseUnknown()
  return parsed
}

function readKnownFilter(filter: Fields, type: string, routeNamespace: string): RouteFilter {
  switch (type) {
    case 'RequestHeaderModifier':
      return { type, headers: readHeaderFilter(body(filter, 'requestHeaderModifier')) }
    case 'ResponseHeaderModifier':
      return { type, headers: readHeaderFilter(body(filter, 'responseHeaderModifier')) }
    case 'RequestRedirect':
      return readRedirect(body(filter, 'requestRedirect'))
    case 'URLRewrite': {
      const rewrite = body(filter, 'urlRewrite')
      const hostname = rewrite.text('hostname', HOST)
      const path = readPathModifier(rewrite)
      rewrite.refuseUnknown()
      return { type, hostname, path }
    }
    case 'RequestMirror': {
      const mirror = body(filter, 'requestMirror')
      const percent = readPercent(mirror)
      if (!mirror.has('backendRef')) mirror.problem('is required', 'backendRef')
      const backend = readTarget(mirror.map('backendRef'), routeNamespace, false)
      mirror.refuseUnknown()
      return { type, backend, percent }
    }
    case 'CORS':
      return { type, cors: readCors(body(filter, 'cors')) }
    default:
      return { type: 'Unsupported', name: type }
  }
}

function body(filter: Fields, name: string): Fields {
  if (!filter.has(name)) filter.problem('is required for this type', name)
  return filter.map(name)
}

function readRedirect(redirect: Fields): RouteFilter {
  const scheme = redirect.oneOf('scheme', ['http', 'https'])
  const hostname = redirect.text('hostname', HOST)
  const port = redirect.integer('port', 1, 65535)
  const path = readPathModifier(redirect)
  const statusCode = redirect.integer('statusCode', 300, 399) ?? 302
  redirect.refuseUnknown()
  return { type: 'RequestRedirect', scheme, hostname, port, path, statusCode }
}

function readPathModifier(owner: Fields): PathModifier | undefined {
  const path = owner.optionalMap('path')
  if (!path) return undefined
  if (!path.has('type')) path.problem('is required', 'type')
  const type = path.oneOf('type', ['ReplaceFullPath', 'ReplacePrefixMatch'])
  const field = type === 'ReplacePrefixMatch' ? 'replacePrefixMatch' : 'replaceFullPath'
  if (type && !path.has(field)) path.problem('is required for this type', field)
  const value = path.text(field, PATH) ?? '/'
  path.refuseUnknown()
  return type && { type, value }
}

function readPercent(mirror: Fields): number {
  const percent = mirror.integer('percent', 0, 100)
  const fraction = mirror.optionalMap('fraction')
  if (!fraction) return percent ?? 100
  if (percent !== undefined) mirror.problem('stands beside percent: only one of them may be set', 'fraction')
  if (!fraction.has('numerator')) fraction.problem('is required', 'numerator')
  const numerator = fraction.integer('numerator', 0, 2_147_483_647) ?? 0
  const denominator = fraction.integer('denominator', 1, 2_147_483_647) ?? 100
  if (numerator > denominator) fraction.problem('must not be greater than the denominator', 'numerator')
  fraction.refuseUnknown()
  return Math.min(100, (numerator / denominator) * 100)
}

function readHeaderFilter(filter: Fields): HeaderFilter {
  const pair = (item: Fields): readonly [string, string] => {
    // As it is written: HTTP/1.1 sends it so.
    const name = item.requiredText('name', HEADER_NAME)
    if (!item.has('value')) item.problem('is required', 'value')
    const value = item.text('value', HEADER_VALUE) ?? ''
    item.refuseUnknown()
    return [name, value]
  }
  const headers = {
    set: filter.list('set', pair),
    add: filter.list('add', pair),
    remove: filter.texts('remove').map((name) => name.toLowerCase()),
  }
  for (const [index, name] of headers.remove.entries()) {
    if (!HEADER_NAME.pattern.test(name)) filter.problem(`must be ${HEADER_NAME.is}`, 'remove', index)
  }
  filter.refuseUnknown()
  return headers
}
