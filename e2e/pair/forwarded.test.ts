import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial, RawServer } from './testing/raw-http.ts'

// What the application behind a pair reads of who calls, byte by byte: the server's sidecar alone says it, as it does
// for `weft.dev/forwarded-headers`.

const HEAD = /\r\n\r\n/
/** The caller's word, in spellings that proxies or what stands behind CGI take for the same field. */
const FORGED = [
  'x-forwarded-for: 6.6.6.1',
  'X-FORWARDED-FOR: 6.6.6.2',
  'X_Forwarded_For: 6.6.6.3',
  'X-Forwarded-Proto: https',
  'x_forwarded_proto: https',
  'Forwarded: for=6.6.6.4',
  'X-Real-IP: 6.6.6.5',
  'x_real_ip: 6.6.6.6',
]
/** Names as CGI reads them. */
const OF_THE_CALLER = /^(x_forwarded_for|x_forwarded_proto|forwarded|x_real_ip)$/

let pair: Pair
let app: RawServer

t.before(async () => {
  app = await RawServer.listen()
  const path = { kind: 'http', app: portOf(app.server) } as const
  pair = await startPair(t, [
    { ...path, name: 'off' },
    { ...path, name: 'append', innerManager: { use_remote_address: true, xff_num_trusted_hops: 1 } },
    {
      ...path,
      name: 'sanitize',
      innerManager: { use_remote_address: true },
      innerMetadata: { sanitizeForwarded: true },
    },
  ])
  t.teardown(() => app.server.close())
})

/** Lines about the caller that the application got, in lower case as they came. */
async function said(path: string, fields: readonly string[]): Promise<string[]> {
  const client = await dial(pair.port(path))
  client.write(['GET / HTTP/1.1', 'host: a.test', 'connection: close', ...fields, '', ''].join('\r\n'))
  const server = await app.accept()
  const head = await server.take(HEAD)
  server.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok')
  await client.take(/ok$/)
  client.socket.destroy()
  return head
    .toLowerCase()
    .split('\r\n')
    .slice(1)
    .filter((line) => OF_THE_CALLER.test((line.split(':')[0] as string).replace(/[^a-z0-9]/g, '_')))
    .sort()
}

t.test('off: everything as it came, and nothing where nothing came', async (t) => {
  t.same(await said('off', FORGED), FORGED.map((line) => line.toLowerCase()).sort())
  t.same(await said('off', []), [])
})

t.test(
  'append: what the fields themselves say is kept, and who calls is added; no lookalike passes',
  async (t) => {
    t.same(await said('append', FORGED), [
      'forwarded: for=6.6.6.4',
      'x-forwarded-for: 6.6.6.1, 6.6.6.2, 127.0.0.1',
      'x-forwarded-proto: https',
      'x-real-ip: 6.6.6.5',
      'x_real_ip: 6.6.6.6',
    ])
    t.same(await said('append', []), ['x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http'])
  },
)

t.test('sanitize: who calls, and not a word of what is forged', async (t) => {
  const told = ['x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: http']
  t.same(await said('sanitize', FORGED), told)
  t.same(await said('sanitize', []), told)
})
