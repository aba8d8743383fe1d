import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  OPAQUE_PORTS,
  OPAQUE_WORDS,
  protocolOf,
  SERVER_FIRST_PORTS,
  SERVER_FIRST_WORDS,
  TLS_WORDS,
} from './protocol.ts'

const of = (port: number, name = '', appProtocol?: string, targetPort?: number) =>
  protocolOf({ port, name, appProtocol, targetPort })

t.test('appProtocol beats the name, the name beats the number, the rest is detected', async (t) => {
  t.equal(of(80, 'tcp-x', 'http'), 'http')
  t.equal(of(80, 'x', 'kubernetes.io/h2c'), 'h2c')
  t.equal(of(80, 'x', 'kubernetes.io/ws'), 'ws')
  t.equal(of(80, '', 'HTTPS'), 'https')
  t.equal(of(80, 'grpc-api', 'example.org/own'), 'grpc', 'one that nobody knows says nothing')
  t.equal(of(3306, 'http'), 'http')
  t.equal(of(80, 'http2'), 'h2c')
  t.equal(of(80, 'httpx'), 'auto', 'only whole words before a dash count')
  t.equal(of(1234, '', undefined, 5432), 'opaque', 'also where the Service gives it another number')
  t.equal(of(80), 'auto')
  t.equal(of(80, '__proto__', 'constructor'), 'auto')
})

t.test(
  'nobody waits on ports and names of protocols whose server speaks first, or that are never HTTP',
  async (t) => {
    for (const port of [21, 22, 25, 110, 143, 587, 3306, 4222, 4444, 5432, 6379, 9300, 11211]) {
      t.equal(of(port), 'opaque', String(port))
      t.equal(of(80, '', undefined, port), 'opaque', `a Service that leads to ${port}`)
      t.equal(of(port, '', 'http'), 'http', `${port}, declared as something else`)
    }
    for (const word of ['smtp', 'ssh', 'mysql', 'nats', 'ftp', 'pop3', 'imap', 'redis', 'tcp', 'mongo']) {
      t.equal(of(80, word), 'opaque', word)
      t.equal(of(80, `${word}-main`), 'opaque', `${word}-main`)
      t.equal(of(80, '', word.toUpperCase()), 'opaque', `appProtocol ${word}`)
    }
    t.equal(of(80, 'imaps'), 'tls')
    t.equal(of(80, '', 'secure-mqtt'), 'tls')
    t.equal(of(80, 'secure-api'), 'auto')
  },
)

t.test('what speaks first is told apart from what is opaque, and the page has all of both', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/protocols.md'), 'utf8')
  const ports = (table: Readonly<Record<number, string>>): string =>
    Object.entries(table)
      .map(([port, name]) => `${port} (${name})`)
      .join(', ')
  for (const list of [ports(SERVER_FIRST_PORTS), ports(OPAQUE_PORTS)]) t.ok(flat(page).includes(list), list)
  for (const list of [SERVER_FIRST_WORDS, OPAQUE_WORDS, TLS_WORDS])
    t.ok(flat(page).includes(list.map((word) => `\`${word}\``).join(', ')), list.join(' '))
  const both = Object.keys(SERVER_FIRST_PORTS).filter((port) => port in OPAQUE_PORTS)
  t.same(both, [])
  t.same(
    SERVER_FIRST_WORDS.filter((word) => OPAQUE_WORDS.includes(word) || TLS_WORDS.includes(word)),
    [],
  )
})

function flat(page: string): string {
  return page.replace(/\s+/g, ' ')
}
