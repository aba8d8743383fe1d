import type { FieldReader } from '../../core/manifest/fields.ts'
import type { BackendRef, Filter, HeaderModifier, PathModifier } from './objects.ts'

// RFC 9110 section 5.6.2.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The filters of a rule or a backend; an unknown one is named in `unsupported`. */
export function parseFilters(
  owner: FieldReader,
  allowed: readonly Filter['type'][],
  routeNamespace: string,
  unsupported: string[],
): Filter[] {
  const filters: Filter[] = []
  for (const filter of owner.list('filters')) {
    const type = filter.required('type')
    const known = allowed.find((candidate) => candidate === type)
    if (known === undefined) unsupported.push(`filter ${type}`)
    else filters.push(parseFilter(filter, known, routeNamespace))
  }
  return filters
}

function parseFilter(filter: FieldReader, type: Filter['type'], routeNamespace: string): Filter {
  const name = type === 'URLRewrite' ? 'urlRewrite' : type.charAt(0).toLowerCase() + type.slice(1)
  filter.only('type', name)
  const body = filter.child(name)
  if (!body) throw filter.fail(name, `is required for the filter ${type}`)
  switch (type) {
    case 'RequestHeaderModifier':
    case 'ResponseHeaderModifier':
      return { type, change: parseHeaderModifier(body) }
    case 'RequestRedirect': {
      body.only('scheme', 'hostname', 'port', 'path', 'statusCode')
      const status = body.integer('statusCode', 301, 308) ?? 302
      if (status !== 301 && status !== 302 && status !== 303 && status !== 307 && status !== 308)
        throw body.fail('statusCode', `must be 301, 302, 303, 307 or 308, got ${status}`)
      return {
        type,
        scheme: body.oneOf('scheme', ['http', 'https']),
        hostname: body.string('hostname'),
        port: body.integer('port', 1, 65_535),
        path: parsePathModifier(body),
        status,
      }
    }
    case 'URLRewrite':
      body.only('hostname', 'path')
      return { type, hostname: body.string('hostname'), path: parsePathModifier(body) }
    case 'RequestMirror': {
      body.only('backendRef', 'percent', 'fraction')
      const backend = body.child('backendRef')
      if (!backend) throw body.fail('backendRef', 'is required')
      const fraction = body.child('fraction')
      const denominator = fraction?.integer('denominator', 1, 1_000_000_000) ?? 100
      const numerator = fraction?.integer('numerator', 0, denominator)
      const percent =
        numerator === undefined ? body.integer('percent', 0, 100) : (numerator / denominator) * 100
      return { type, backend: parseBackend(backend, routeNamespace, [], []), percent: percent ?? 100 }
    }
  }
}

export function parseBackend(
  ref: FieldReader,
  routeNamespace: string,
  filters: readonly Filter['type'][],
  unsupported: string[],
): BackendRef {
  ref.only('group', 'kind', 'name', 'namespace', 'port', 'weight', 'filters')
  return {
    group: ref.string('group') ?? '',
    kind: ref.string('kind') ?? 'Service',
    namespace: ref.string('namespace') ?? routeNamespace,
    name: ref.required('name'),
    port: ref.integer('port', 1, 65_535),
    weight: ref.integer('weight', 0, 1_000_000) ?? 1,
    filters: parseFilters(ref, filters, routeNamespace, unsupported),
  }
}

function parseHeaderModifier(body: FieldReader): HeaderModifier {
  body.only('set', 'add', 'remove')
  const pairs = (name: string) =>
    body.list(name).map((header) => {
      header.only('name', 'value')
      const key = header.required('name')
      if (!TOKEN.test(key)) throw header.fail('name', `is no header name: "${key}"`)
      const value = header.string('value') ?? ''
      if (/[\0\r\n]/.test(value)) throw header.fail('value', 'must not hold line breaks or NUL')
      return [key.toLowerCase(), value] as const
    })
  return {
    set: pairs('set'),
    add: pairs('add'),
    remove: body.strings('remove').map((name) => name.toLowerCase()),
  }
}

function parsePathModifier(body: FieldReader): PathModifier | undefined {
  const path = body.child('path')
  if (!path) return undefined
  path.only('type', 'replaceFullPath', 'replacePrefixMatch')
  const type = path.oneOf('type', ['ReplaceFullPath', 'ReplacePrefixMatch'])
  if (type === undefined) throw path.fail('type', 'is required')
  const value = path.string(type === 'ReplaceFullPath' ? 'replaceFullPath' : 'replacePrefixMatch')
  if (value === undefined)
    throw path.fail(
      type === 'ReplaceFullPath' ? 'replaceFullPath' : 'replacePrefixMatch',
      `is required for ${type}`,
    )
  return { type, value }
}
