/** What a port speaks. `auto`: nobody said, the first bytes tell. `opaque`: bytes, nobody waits for the client's. */
export type PortProtocol = 'http' | 'h2c' | 'grpc' | 'ws' | 'https' | 'tls' | 'opaque' | 'auto'

/** Well-known ports where the server speaks first: whoever waited for the client would wait for ever. */
export const SERVER_FIRST_PORTS: Readonly<Record<number, string>> = {
  21: 'FTP',
  22: 'SSH',
  23: 'Telnet',
  24: 'LMTP',
  25: 'SMTP',
  110: 'POP3',
  119: 'NNTP',
  143: 'IMAP',
  587: 'SMTP submission',
  2525: 'SMTP',
  3306: 'MySQL',
  4190: 'ManageSieve',
  4222: 'NATS',
  4444: 'Galera state transfer',
  5900: 'VNC',
  6222: 'NATS cluster',
  7422: 'NATS leaf nodes',
  33060: 'MySQL X',
}

/** Well-known ports where the client speaks first, but never HTTP: there is nothing to detect. */
export const OPAQUE_PORTS: Readonly<Record<number, string>> = {
  389: 'LDAP',
  1433: 'SQL Server',
  1521: 'Oracle',
  1883: 'MQTT',
  2181: 'ZooKeeper',
  4567: 'Galera replication',
  4568: 'Galera incremental transfer',
  5432: 'PostgreSQL',
  5672: 'AMQP',
  6379: 'Redis',
  9042: 'Cassandra',
  9092: 'Kafka',
  9300: 'Elasticsearch transport',
  11211: 'memcached',
  27017: 'MongoDB',
}

/** Words of protocols whose server speaks first; IANA's service names and what people write. */
export const SERVER_FIRST_WORDS: readonly string[] = [
  'ftp',
  'imap',
  'lmtp',
  'mariadb',
  'mysql',
  'nats',
  'nntp',
  'pop3',
  'rfb',
  'sftp',
  'sieve',
  'smtp',
  'ssh',
  'submission',
  'telnet',
  'vnc',
]

/** Words of protocols that are neither HTTP nor server-first, and of bytes as they are. */
export const OPAQUE_WORDS: readonly string[] = [
  'amqp',
  'cassandra',
  'kafka',
  'ldap',
  'memcache',
  'memcached',
  'mongo',
  'mongodb',
  'mqtt',
  'postgres',
  'postgresql',
  'redis',
  'tcp',
  'zookeeper',
]

/** Words of TLS that the application itself ends. */
export const TLS_WORDS: readonly string[] = [
  'amqps',
  'ftps',
  'imaps',
  'ldaps',
  'mqtts',
  'pop3s',
  'secure-mqtt',
  'smtps',
  'submissions',
  'tls',
]

const words = (list: readonly string[], protocol: PortProtocol): Record<string, PortProtocol> =>
  Object.fromEntries(list.map((word) => [word, protocol]))

const WORDS: Readonly<Record<string, PortProtocol>> = {
  http: 'http',
  http2: 'h2c',
  h2c: 'h2c',
  grpc: 'grpc',
  ws: 'ws',
  https: 'https',
  wss: 'https',
  ...words(TLS_WORDS, 'tls'),
  ...words(SERVER_FIRST_WORDS, 'opaque'),
  ...words(OPAQUE_WORDS, 'opaque'),
}

const APP_PROTOCOLS: Readonly<Record<string, PortProtocol>> = {
  ...WORDS,
  'kubernetes.io/h2c': 'h2c',
  'kubernetes.io/ws': 'ws',
  'kubernetes.io/wss': 'https',
}

export interface PortFacts {
  readonly port: number
  readonly name: string
  readonly appProtocol: string | undefined
  /** Where the port leads to in the pod, when it differs. */
  readonly targetPort?: number | undefined
}

/**
 * `appProtocol`, else the port's name up to its first dash (`http`, `grpc-api`), else the well-known ports where there
 * is nothing to detect, else detection.
 */
export function protocolOf({ port, name, appProtocol, targetPort }: PortFacts): PortProtocol {
  if (appProtocol !== undefined) {
    const declared = lookup(APP_PROTOCOLS, appProtocol.toLowerCase())
    if (declared) return declared
  }
  const named = lookup(WORDS, name) ?? lookup(WORDS, name.split('-')[0] ?? '')
  if (named) return named
  if (isOpaque(port) || (targetPort !== undefined && isOpaque(targetPort))) return 'opaque'
  return 'auto'
}

function isOpaque(port: number): boolean {
  return Object.hasOwn(SERVER_FIRST_PORTS, port) || Object.hasOwn(OPAQUE_PORTS, port)
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
