import { WeftError } from '../errors.ts'
import type { ProxyQuestion, ProxyRequest } from './proxy-question.ts'

/** What somebody asks about, before it is known which address the host has. */
export interface AskedRequest {
  /** As it is written, without its port and brackets. */
  readonly host: string
  readonly port: number
  /** It was written, and is no default of the scheme. */
  readonly portGiven: boolean
  readonly carries: ProxyQuestion['carries']
  readonly serverName: string
  readonly alpn: readonly string[]
  /** Undefined of a connection without requests, or in whose TLS nobody looks. */
  readonly request: ProxyRequest | undefined
}

export interface Asked {
  /** `http://catalog.shop/items/7`, `grpc://...`, `https://...`, `tcp://host:port` */
  readonly to: string
  /** '' is GET, of gRPC POST. */
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

type Scheme = 'http' | 'https' | 'grpc' | 'tls' | 'tcp'

const PORTS: Readonly<Record<Scheme, number | undefined>> = {
  http: 80,
  grpc: 80,
  https: 443,
  tls: 443,
  tcp: undefined,
}
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/
const MOST_HEADERS = 64
const LONGEST_VALUE = 4096
const LONGEST_TO = 8192

/**
 * Reads what is asked about, as a caller would send it: the path is not put in order, that is the proxy's to do. Throws WeftError
 * `explain.asked` that names the field (`to`, `method`, `headers`).
 */
export function readAsked({ to, method, headers }: Asked): AskedRequest {
  if (to.length > LONGEST_TO) throw bad('to', `is longer than ${LONGEST_TO} characters`)
  const [, scheme = '', authority = '', rest = ''] = /^([a-z]+):\/\/([^/?#\s]*)([^#\s]*)$/.exec(to) ?? []
  if (!isScheme(scheme) || authority === '')
    throw bad(
      'to',
      `"${to.slice(0, 200)}" must be a URL such as http://catalog.shop:8080/items/7; https, grpc, tls and tcp are schemes, too`,
    )
  const [, bracketed, name, digits] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(authority) ?? []
  const host = (bracketed ?? name ?? '').toLowerCase()
  const port = digits === undefined ? PORTS[scheme] : Number(digits)
  if (host === '') throw bad('to', `"${authority}" is no host, or host and port`)
  if (port === undefined) throw bad('to', 'needs a port: tcp://db.shop:5432')
  if (port < 1 || port > 65_535) throw bad('to', `${port} is no port`)
  const own = { host, port, portGiven: digits !== undefined }
  const opaque = scheme === 'tcp' || scheme === 'tls' || scheme === 'https'
  if (scheme === 'tcp' || scheme === 'tls')
    if (rest !== '' && rest !== '/') throw bad('to', `has a path, which ${scheme} has not`)
  const others = method !== '' && method !== 'GET' ? 'method' : 'headers'
  if (opaque && (others === 'method' || Object.keys(headers).length > 0)) {
    const inside = scheme === 'tcp' ? 'opaque bytes' : 'TLS that the application makes'
    throw bad(others, `says nothing to a sidecar here, which does not look into ${inside}`)
  }
  if (opaque) {
    const tls = scheme !== 'tcp'
    return {
      ...own,
      carries: tls ? 'tls' : 'tcp',
      serverName: tls && bracketed === undefined ? host : '',
      alpn: scheme === 'https' ? ['h2', 'http/1.1'] : [],
      request: undefined,
    }
  }
  const grpc = scheme === 'grpc'
  // What no request line may hold is percent-encoded, as clients do it.
  const path = (rest.startsWith('/') ? rest : `/${rest}`).replace(/[^!-~]/gu, encodeURIComponent)
  const fields = readHeaders(headers, grpc)
  const [, given] = [...pairs(fields)].find(([field]) => field === 'host') ?? []
  return {
    ...own,
    carries: grpc ? 'h2c' : 'http1',
    serverName: '',
    alpn: [],
    request: {
      scheme: 'http',
      http2: grpc,
      method: readMethod(method || (grpc ? 'POST' : 'GET')),
      authority: given ?? authority,
      path,
      fields: [...pairs(fields)].filter(([field]) => field !== 'host').flat(),
    },
  }
}

function isScheme(text: string): text is Scheme {
  return Object.hasOwn(PORTS, text)
}

function readMethod(method: string): string {
  if (!TOKEN.test(method)) throw bad('method', `"${method.slice(0, 200)}" must be a method such as GET`)
  return method
}

function readHeaders(headers: Readonly<Record<string, string>>, grpc: boolean): string[] {
  const entries = Object.entries(headers)
  if (entries.length > MOST_HEADERS) throw bad('headers', `are more than ${MOST_HEADERS}`)
  const fields = entries.flatMap(([name, value]) => {
    if (!TOKEN.test(name)) throw bad('headers', `"${name.slice(0, 200)}" is no name of a field`)
    const wire = onTheWire(value.trim())
    // RFC 9110 section 5.5.
    if (wire.length > LONGEST_VALUE || !/^[\t\x20-\x7e\x80-\xff]*$/.test(wire))
      throw bad('headers', `${name} has a value that no field may have, or one above ${LONGEST_VALUE} bytes`)
    return [name.toLowerCase(), wire]
  })
  if (grpc && !fields.includes('content-type')) fields.push('content-type', 'application/grpc')
  return fields
}

function* pairs(fields: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i < fields.length; i += 2) yield [fields[i] as string, fields[i + 1] as string]
}

/** One character is one byte, as sidecars have heads. */
function onTheWire(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

function bad(field: string, message: string): WeftError {
  return new WeftError('explain.asked', message, { field })
}
