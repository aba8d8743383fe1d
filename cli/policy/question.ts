import { isIP } from 'node:net'
import { canonicalAddress } from '../../core/ip-address.ts'
import { WeftError } from '../../core/errors.ts'

/** A request, or a connection without one, that is asked about. */
export interface Question {
  readonly caller: Caller
  readonly target: { readonly namespace: string; readonly name: string; readonly port: number }
  /** Undefined: where the pod of the caller is, if it has one. */
  readonly sourceAddress: string | undefined
  readonly plaintext: boolean
  /** Undefined: it carries none. */
  readonly http: HttpQuestion | undefined
  /** Of a connection; '' where there is none. */
  readonly sni: string
}

/** Who calls: a service account, maybe by one of its pods, or whatever a SPIFFE ID names. */
export type Caller =
  | {
      readonly kind: 'account'
      readonly namespace: string
      readonly account: string
      readonly pod: string | undefined
    }
  | { readonly kind: 'identity'; readonly id: string }

export interface HttpQuestion {
  readonly method: string
  /** As it is asked for, with its query. */
  readonly path: string
  /** Undefined: nobody said. */
  readonly host: string | undefined
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** Undefined: no token. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
}

export interface QuestionFlags {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly request: string
  readonly header: readonly string[] | undefined
  readonly claim: readonly string[] | undefined
  readonly host: string | undefined
  readonly 'source-ip': string | undefined
  readonly plaintext: boolean
  readonly tcp: boolean
  readonly sni: string | undefined
}

// Kubernetes' names (RFC 1123 subdomain), and RFC 9110 sections 5.1 and 9.1.
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const OF_REQUESTS = ['request', 'header', 'claim', 'host'] as const

/** Throws WeftError `cli.flags` that names the flag and what it takes. */
export function readQuestion(
  flags: QuestionFlags,
  path: string | undefined,
  given: ReadonlySet<string>,
): Question {
  const { tcp, plaintext, sni, from } = flags
  const forRequests = OF_REQUESTS.find((flag) => given.has(flag))
  if (tcp && (forRequests !== undefined || path !== undefined))
    throw wrong(
      '--tcp',
      `is of a connection without requests: leave ${forRequests ? `--${forRequests}` : 'PATH'} away`,
    )
  if (!tcp && sni !== undefined) throw wrong('--sni', 'is of TLS that is passed on: say --tcp, too')
  if (plaintext && from !== undefined && !from.includes('@'))
    throw wrong(
      '--plaintext',
      'shows no identity: leave --from away, or name the pod that calls, NAMESPACE/ACCOUNT@POD',
    )
  if (from === undefined && !plaintext)
    throw wrong('--from', 'is required: NAMESPACE/ACCOUNT, a SPIFFE ID, or --plaintext in its place')
  return {
    caller: from === undefined ? { kind: 'identity', id: '' } : readCaller(from),
    target: readTarget(flags.to),
    sourceAddress: readAddress(flags['source-ip']),
    plaintext,
    http: tcp ? undefined : readHttp(flags, path),
    sni: (sni ?? '').toLowerCase(),
  }
}

function readCaller(text: string): Caller {
  if (text.startsWith('spiffe://')) return { kind: 'identity', id: text }
  const [, namespace = '', account = '', pod] = /^([^/@]+)\/([^/@]+)(?:@([^/@]+))?$/.exec(text) ?? []
  if (![namespace, account, pod ?? 'pod'].every((name) => NAME.test(name)))
    throw wrong('--from', `"${text}" must be NAMESPACE/ACCOUNT, NAMESPACE/ACCOUNT@POD or spiffe://...`)
  return { kind: 'account', namespace, account, pod }
}

function readTarget(text: string | undefined): Question['target'] {
  if (text === undefined) throw wrong('--to', 'is required: NAMESPACE/SERVICE:PORT, or NAMESPACE/POD:PORT')
  const [, namespace = '', name = '', digits = ''] = /^([^/:]+)\/([^/:]+):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (!NAME.test(namespace) || !NAME.test(name) || port < 1 || port > 65_535)
    throw wrong('--to', `"${text}" must be NAMESPACE/SERVICE:PORT, e.g. payments/pay:8080`)
  return { namespace, name, port }
}

function readAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (isIP(text) === 0) throw wrong('--source-ip', `"${text}" must be an IP address`)
  return canonicalAddress(text)
}

function readHttp(flags: QuestionFlags, path = '/'): HttpQuestion {
  const { request: method, header = [], claim = [], host } = flags
  if (!TOKEN.test(method)) throw wrong('--request', `"${method}" must be a method such as GET`)
  if (!path.startsWith('/') && path !== '*') throw wrong('PATH', `"${path}" must begin with /`)
  const headers = new Map<string, string[]>()
  for (const field of header) {
    const [, name = '', value = ''] = /^([^:]*):\s*(.*?)\s*$/s.exec(field) ?? []
    if (!TOKEN.test(name)) throw wrong('--header', `"${field}" must be "NAME: VALUE"`)
    const own = headers.get(name.toLowerCase()) ?? []
    headers.set(name.toLowerCase(), [...own, onTheWire(value)])
  }
  const claims = claim.length === 0 ? undefined : readClaims(claim)
  return {
    method,
    path: onTheWire(path),
    host: host === undefined ? undefined : onTheWire(host),
    headers,
    claims,
  }
}

/** One character is one byte, as sidecars have heads. */
function onTheWire(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

function readClaims(all: readonly string[]): Readonly<Record<string, unknown>> {
  const claims: Record<string, unknown> = {}
  for (const one of all) {
    const equals = one.indexOf('=')
    const steps = one.slice(0, Math.max(equals, 0)).split('.')
    if (equals < 1 || steps.includes(''))
      throw wrong('--claim', `"${one}" must be NAME=VALUE, e.g. groups=["admin"]`)
    let map = claims
    for (const step of steps.slice(0, -1)) {
      const below = Object.hasOwn(map, step) ? map[step] : undefined
      const next: Record<string, unknown> = isMap(below) ? below : {}
      define(map, step, next)
      map = next
    }
    define(map, steps.at(-1) ?? '', jsonOrText(one.slice(equals + 1)))
  }
  return claims
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Also of `__proto__`, which a claim may be called. */
function define(map: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true })
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function wrong(field: string, message: string): WeftError {
  return new WeftError('cli.flags', message, { field })
}
