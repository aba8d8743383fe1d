import { coversPath, type CallProtocol } from '../../../core/observed-calls.ts'
import type { CallRow } from '../../../control-plane/serve/telemetry/observed-view.ts'

/** A kind of call that a policy is to allow. */
export interface AllowedCall {
  readonly source: string
  readonly port: number
  readonly protocol: CallProtocol
  readonly method: string
  /** As a policy writes it; '' where the path does not matter. */
  readonly path: string
  readonly count: number
  readonly first: number
  readonly last: number
}

/** What cannot be written into a policy, and why. */
export interface Unwritten {
  readonly call: CallRow
  readonly reason: string
}

/** What policies take of a segment without a pattern (core/authorization/path-template.ts). */
const SEGMENT = /^[A-Za-z0-9\-._~!$&'()+,;=:@]*$/
const METHOD = /^[!#$%&'+.^_`|~0-9A-Z-]+$/
const ANY = /^\{\*\*?\}$/

/**
 * Of what was seen, the kinds of calls that are to be allowed: what was served to callers with an identity. A path is left out
 * where a template of the same caller stands for it, too; another caller's would allow more than was seen.
 */
export function allowedCalls(rows: readonly CallRow[]): {
  readonly calls: readonly AllowedCall[]
  readonly unwritten: readonly Unwritten[]
} {
  const unwritten: Unwritten[] = []
  const written = rows.flatMap((row): readonly (readonly [CallRow, string])[] => {
    if (row.outcome !== 'served') return []
    const reason = row.source === '' ? PLAINTEXT : row.protocol === 'tcp' ? undefined : problemOf(row)
    if (reason === undefined) return [[row, writable(row.path)]]
    unwritten.push({ call: row, reason })
    return []
  })
  const templates = new Map<string, Set<string>>()
  for (const [row, path] of written) {
    const key = askedBy(row)
    if (path.includes('{')) templates.set(key, (templates.get(key) ?? new Set()).add(path))
  }
  // A port that carries bytes for a caller is open to all that this caller may ask there.
  const opaque = new Set(
    written.filter(([{ protocol }]) => protocol === 'tcp').map(([row]) => `${row.source} ${row.port}`),
  )
  const calls = new Map<string, AllowedCall>()
  for (const [row, path] of written) {
    if (row.protocol !== 'tcp' && opaque.has(`${row.source} ${row.port}`)) continue
    const { source, port, method } = row
    const wide = widest(path, templates.get(askedBy(row)) ?? [])
    // A call that was cut off is not known to have been gRPC, but its path is.
    const protocol = row.protocol === 'grpc' && grpcOf(wide) === undefined ? 'http' : row.protocol
    const key = JSON.stringify([source, port, protocol, method, wide])
    const known = calls.get(key)
    calls.set(key, {
      source,
      port,
      protocol,
      method,
      path: wide,
      count: row.count + (known?.count ?? 0),
      first: Math.min(row.first, known?.first ?? row.first),
      last: Math.max(row.last, known?.last ?? row.last),
    })
  }
  return { calls: [...calls.values()].filter((call) => !isKnownGrpc(call, calls)), unwritten }
}

function askedBy({ source, port, method }: CallRow): string {
  return `${source} ${port} ${method}`
}

const PLAINTEXT = 'it came in plaintext: no identity, so that no policy can name who it is'

function problemOf({ method, path }: CallRow): string | undefined {
  if (!METHOD.test(method)) return `no policy can name the method ${JSON.stringify(method)}`
  const segments = path.split('/').slice(1)
  if (
    segments.some(
      (segment, at) => segment === '.' || segment === '..' || (segment === '' && at < segments.length - 1),
    )
  )
    return `the path ${JSON.stringify(path)} is not in normal form, which policies compare (docs/paths.md)`
  return undefined
}

function writable(path: string): string {
  const segments = path.split('/').map((one) => (SEGMENT.test(one) || ANY.test(one) ? one : '{*}'))
  return segments.join('/')
}

function widest(path: string, templates: Iterable<string>): string {
  let found = path
  for (const template of templates) if (coversPath(template, found)) found = template
  return found
}

function isKnownGrpc(call: AllowedCall, calls: ReadonlyMap<string, AllowedCall>): boolean {
  const { source, port, protocol, method, path } = call
  return protocol === 'http' && calls.has(JSON.stringify([source, port, 'grpc', method, path]))
}

const GRPC = /^\/([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\/([A-Za-z_]\w*)$/

/** Service and method of a path of gRPC. */
export function grpcOf(path: string): { readonly service: string; readonly method: string } | undefined {
  const [, service, method] = GRPC.exec(path) ?? []
  return service === undefined || method === undefined ? undefined : { service, method }
}
