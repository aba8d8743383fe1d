import type { Fields } from '../../fields.ts'
import type { GrpcOperation, PolicyOperation } from './policy.ts'
import { readBoth, sni, starProblem, textsWith, wildcard, type ValueCheck, type Wrong } from './values.ts'

const METHOD = wildcard({
  pattern: /^[!#$%&'+.^_`|~0-9A-Z-]+$/,
  is: "a method's name in capitals, such as GET",
})
// As it stands in an authority (RFC 3986 section 3.2): a name or an address, and maybe a port.
const HOST = wildcard({
  pattern: /^[-A-Za-z0-9._:[\]]+$/,
  is: 'a host such as shop.example or shop.example:8080',
})

/** Of one path segment, and of a path: printable without what ends a path, and without signs of templates. */
const LITERAL = /^[!"$-)+->@-z|~]*$/

/**
 * Exact, `/items/*`, `*.png`, or a template by segments: `/users/{*}/cards/{**}`. Requests are compared in their normal form
 * (docs/paths.md), so that what is not in it would match none.
 */
const path: ValueCheck = (value) => {
  if (value === '*') return undefined
  if (value.includes('{') || value.includes('}')) return templateProblem(value)
  if (!value.startsWith('/') && !value.startsWith('*'))
    return `must begin with / or *, got ${JSON.stringify(value)}`
  const literal = value.endsWith('*') ? value.slice(0, -1) : value.startsWith('*') ? value.slice(1) : value
  if (literal.includes('*'))
    return {
      message: starProblem(value).message,
      remedy: 'write it at the beginning or at the end; for any one segment {*}, as in /users/{*}/cards',
    }
  return literalProblem(value, literal)
}

function templateProblem(value: string): Wrong | undefined {
  const shape: Wrong = {
    message: `is no template of whole segments, got ${JSON.stringify(value)}`,
    remedy: 'write one such as /users/{*}/cards/{**}',
  }
  if (!value.startsWith('/')) return shape
  const segments = value.slice(1).split('/')
  for (const [at, segment] of segments.entries()) {
    if (segment === '{*}') continue
    if (segment === '{**}' && at === segments.length - 1) continue
    if (segment === '{**}')
      return {
        message: `has {**} within, got ${JSON.stringify(value)}`,
        remedy: 'write {**} as the last segment only',
      }
    if (/[{}*]/.test(segment)) return shape
  }
  return literalProblem(value, value.replaceAll(/\{\*\*?\}/g, 'x'))
}

function literalProblem(value: string, literal: string): Wrong | undefined {
  const got = `got ${JSON.stringify(value)}`
  const never = (remedy: string): Wrong => ({
    message: `would match no request, since paths are compared in normal form, ${got}`,
    remedy,
  })
  if (/[?#]/.test(literal))
    return { message: `is compared without query and fragment, ${got}`, remedy: 'leave them out' }
  if (!LITERAL.test(literal))
    return { message: `holds what no path does, ${got}`, remedy: 'percent-encode it' }
  if (literal.includes('//')) return never('write one slash for several')
  if (literal.includes('\\')) return never('write / for \\')
  if (/(^|\/)\.\.?(\/|$)/.test(literal)) return never('write it without . and .. segments')
  if (/%(?![0-9A-Fa-f]{2})/.test(literal))
    return { message: `has a % that encodes nothing, ${got}`, remedy: 'write %25' }
  const normal = literal.replaceAll(/%[0-9A-Fa-f]{2}/g, (code) => {
    const text = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(text) ? text : code.toUpperCase()
  })
  return normal === literal ? undefined : never(`write ${normal}`)
}

const GRPC_SERVICE = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/
const GRPC_METHOD = /^[A-Za-z_]\w*$/

function readGrpc(fields: Fields, name: string): readonly GrpcOperation[] {
  return fields.list(name, (entry) => {
    const service = entry.requiredText('service', {
      pattern: GRPC_SERVICE,
      is: 'the full name of a service, such as shop.v1.Catalog',
    })
    const method = entry.text('method', { pattern: GRPC_METHOD, is: "a method's name, such as GetItem" })
    entry.refuseUnknown({ nulls: true })
    return { service, method }
  })
}

/** One entry of `to`. */
export function readOperation(entry: Fields): PolicyOperation {
  if (!entry.has('operation')) entry.problem('is required: what is asked for', 'operation')
  const operation = entry.map('operation')
  const read = (name: string, check: ValueCheck) => readBoth(operation, name, textsWith(check))
  const all = {
    ports: readBoth(operation, 'ports', (fields, name) => fields.integers(name, 1, 65_535)),
    methods: read('methods', METHOD),
    paths: read('paths', path),
    hosts: read('hosts', HOST),
    grpc: readBoth(operation, 'grpc', readGrpc),
    snis: read('snis', sni),
  }
  operation.refuseUnknown({ nulls: true })
  entry.refuseUnknown({ nulls: true })
  const said = Object.entries(all).filter(([, value]) => value !== undefined)
  if (entry.has('operation') && said.length === 0)
    operation.problemWith('name what is asked for; for whatever it is leave to out', 'needs a field')
  return Object.fromEntries(said)
}
