/** What a port speaks. `auto`: nobody said, the first bytes tell. `opaque`: the server may speak first, never wait. */
export type PortProtocol = 'http' | 'h2c' | 'grpc' | 'ws' | 'https' | 'tls' | 'opaque' | 'auto'

/** Protocols of well-known ports where the server speaks first: SMTP, MySQL, Galera, PostgreSQL, Redis and so on. */
const SERVER_FIRST = new Set([25, 587, 3306, 4444, 5432, 6379, 9300, 11211])

const APP_PROTOCOLS: Readonly<Record<string, PortProtocol>> = {
  http: 'http',
  https: 'https',
  'kubernetes.io/h2c': 'h2c',
  'kubernetes.io/ws': 'ws',
  'kubernetes.io/wss': 'https',
  http2: 'h2c',
  h2c: 'h2c',
  grpc: 'grpc',
  tcp: 'opaque',
  tls: 'tls',
  mysql: 'opaque',
  redis: 'opaque',
  postgresql: 'opaque',
}

/** Port names `http`, `http-web`, `grpc-api` and so on. */
const NAME_PREFIXES: Readonly<Record<string, PortProtocol>> = {
  http: 'http',
  http2: 'h2c',
  h2c: 'h2c',
  grpc: 'grpc',
  https: 'https',
  tls: 'tls',
  tcp: 'opaque',
  mysql: 'opaque',
  redis: 'opaque',
  postgres: 'opaque',
}

export interface PortFacts {
  readonly port: number
  readonly name: string
  readonly appProtocol: string | undefined
  /** Where the port leads to in the pod, when it differs. */
  readonly targetPort?: number | undefined
}

/** `appProtocol`, else the port name's prefix, else the well-known server-first ports, else detection. */
export function protocolOf({ port, name, appProtocol, targetPort }: PortFacts): PortProtocol {
  if (appProtocol !== undefined) {
    const declared = lookup(APP_PROTOCOLS, appProtocol.toLowerCase())
    if (declared) return declared
  }
  const named = lookup(NAME_PREFIXES, name.split('-')[0] ?? '')
  if (named) return named
  if (SERVER_FIRST.has(port) || (targetPort !== undefined && SERVER_FIRST.has(targetPort))) return 'opaque'
  return 'auto'
}

/** Requests can be routed one by one. */
export function carriesHttp(protocol: PortProtocol): boolean {
  return (
    protocol === 'http' ||
    protocol === 'h2c' ||
    protocol === 'grpc' ||
    protocol === 'ws' ||
    protocol === 'auto'
  )
}

function lookup(table: Readonly<Record<string, PortProtocol>>, key: string): PortProtocol | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
