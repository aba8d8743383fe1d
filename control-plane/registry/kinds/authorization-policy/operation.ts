import type { Fields } from '../../fields.ts'
import type { GrpcOperation, PolicyOperation } from './policy.ts'
import { readBoth, sni, starProblem, textsWith, wildcard, type ValueCheck } from './values.ts'

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
    return `${starProblem(value)}; for any one segment write {*}, as in /users/{*}/cards`
  return literalProblem(value, literal)
}

function templateProblem(value: string): string | undefined {
  const shape = `must be a template of whole segments such as /users/{*}/cards/{**}, got ${JSON.stringify(value)}`
  if (!value.startsWith('/')) return shape
  const segments = value.slice(1).split('/')
  for (const [at, segment] of segments.entries()) {
    if (segment === '{*}') continue
    if (segment === '{**}' && at === segments.length - 1) continue
    if (segment === '{**}') return `may have {**} as its last segment only, got ${JSON.stringify(value)}`
    if (/[{}*]/.test(segment)) return shape
  }
  return literalProblem(value, value.replaceAll(/\{\*\*?\}/g, 'x'))
}

function literalProblem(value: string, literal: string): string | undefined {
  const got = `got ${JSON.stringify(value)}`
  if (/[?#]/.test(literal)) return `is compared without query and fragment: leave them out, ${got}`
  if (!LITERAL.test(literal)) return `must be printable, other characters percent-encoded, ${got}`
  const never = 'would match no request, since paths are compared in normal form'
  if (literal.includes('//')) return `${never}: write one slash for several, ${got}`
  if (literal.includes('\\')) return `${never}: write / for \\, ${got}`
  if (/(^|\/)\.\.?(\/|$)/.test(literal)) return `${never}: write it without . and .. segments, ${got}`
  if (/%(?![0-9A-Fa-f]{2})/.test(literal)) return `has a % that encodes nothing: write %25, ${got}`
  const normal = literal.replaceAll(/%[0-9A-Fa-f]{2}/g, (code) => {
    const text = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(text) ? text : code.toUpperCase()
  })
  return normal === literal ? undefined : `${never}: write ${normal}, ${got}`
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
    operation.problem('needs a field: for whatever is asked leave to out')
  return Object.fromEntries(said)
}
