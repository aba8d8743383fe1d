import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2'
import t, { type Test } from 'tap'
import { strangerTls } from './testing/bootstrap.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial } from './testing/raw-http.ts'

// Every trick with paths, as bytes, through both proxies and at the inner one alone: docs/paths.md says what becomes of
// each. The application answers with the path that it saw.

let pair: Pair
let seen: string[] = []

t.before(async () => {
  const app = createServer((message, response) => {
    message.resume()
    seen.push(message.url ?? '')
    response.end(message.url)
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
  const path = (name: string, manager: object) =>
    ({ name, kind: 'http', app: portOf(app), appProtocol: 'http1', manager }) as const
  pair = await startPair(t, [
    path('safe', {}),
    path('off', { normalize_path: false }),
    path('redirect', { path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT' }),
    path('reject', { path_with_escaped_slashes_action: 'REJECT_REQUEST' }),
  ])
})

interface Answer {
  readonly status: number
  /** Lower-case `name: value` lines. */
  readonly head: string
  readonly body: string
}

/** What a request with this target gets over HTTP/1.1, by a connection of its own. */
async function http1(port: number, target: string, method = 'GET'): Promise<Answer> {
  const client = await dial(port)
  client.write(`${method} ${target} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n`)
  const text = await client.untilEnd()
  client.socket.destroy()
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return {
    status: Number(head.slice(9, 12)),
    head: head.toLowerCase(),
    // Chunked, where the application gave no length.
    body: /transfer-encoding: chunked/i.test(head) ? body.replace(/^[0-9a-f]+\r\n/, '').trim() : body,
  }
}

/** The same over HTTP/2, as `:path`. */
async function http2(session: ClientHttp2Session, path: string, more: OutgoingHttpHeaders = {}) {
  const stream = session.request({ ':path': path, ':authority': 'a.test', ...more })
  const [headers] = (await once(stream, 'response')) as [Record<string, string | number>]
  let body = ''
  stream.setEncoding('latin1').on('data', (chunk: string) => (body += chunk))
  if (!stream.readableEnded) await once(stream, 'end')
  return { status: Number(headers[':status']), headers, body }
}

function session(t: Test, authority: string, options: object = {}): ClientHttp2Session {
  const made = connectHttp2(authority, options)
  t.teardown(() => made.close())
  return made
}

/** What the application sees; 400: that it sees nothing. */
const SAFE: readonly (readonly [target: string, outcome: string | 400])[] = [
  ['/a/b?c=/../%2f//;\\', '/a/b?c=/../%2f//;\\'],
  ['//', '/'],
  ['//a///b/', '/a/b/'],
  ['/a/./b/../c', '/a/c'],
  ['/a/%2e%2E/b', '/b'],
  ['/%7e/%c3%a9', '/~/%C3%A9'],
  ['/%252e%252e/a', '/%252e%252e/a'],
  ['/@scope%2fname', '/@scope%2Fname'],
  ['/a;v=1/b', '/a;v=1/b'],
  ['/a\\..\\b', '/b'],
  ['/..', 400],
  ['/a/../../b', 400],
  ['/%2e%2e/b', 400],
  ['/a\\..\\..\\b', 400],
  ['/a/..%2fb', 400],
  ['/a/%2e%2e%5cb', 400],
  ['/a/..;/b', 400],
  ['/a/..%3bx/b', 400],
  ['/;x/b', 400],
  ['/%', 400],
  ['/a%2', 400],
  ['/a%00', 400],
  ['/a#/../b', 400],
  ['/a?b#c', 400],
]

t.test('over HTTP/1.1, through both', async (t) => {
  for (const [target, outcome] of SAFE) {
    seen = []
    const { status, body } = await http1(pair.port('safe'), target)
    t.equal(status, outcome === 400 ? 400 : 200, target)
    t.same(seen, outcome === 400 ? [] : [outcome], target)
    if (outcome !== 400) t.equal(body, outcome, target)
  }
})

t.test('in absolute form, and where there is no path', async (t) => {
  for (const [target, outcome] of [
    ['http://a.test', '/'],
    ['http://a.test/', '/'],
    ['http://a.test?q', '/?q'],
    ['http://a.test//b/../c', '/c'],
    ['http://a.test/%2e%2e/b', 400],
    ['http://a.test\\b', 400],
  ] as const) {
    seen = []
    t.equal((await http1(pair.port('safe'), target)).status, outcome === 400 ? 400 : 200, target)
    t.same(seen, outcome === 400 ? [] : [outcome], target)
  }
  seen = []
  t.equal((await http1(pair.port('safe'), '*', 'OPTIONS')).status, 200)
  t.same(seen, ['*'])
})

t.test('over HTTP/2, through both and at the inner proxy alone', async (t) => {
  const ways = {
    both: session(t, `http://127.0.0.1:${pair.port('safe')}`),
    inner: session(t, `https://127.0.0.1:${pair.inner('safe')}`, strangerTls()),
  }
  for (const [way, client] of Object.entries(ways)) {
    for (const [path, outcome] of SAFE) {
      seen = []
      const { status } = await http2(client, path)
      t.equal(status, outcome === 400 ? 400 : 200, `${way}: ${path}`)
      t.same(seen, outcome === 400 ? [] : [outcome], `${way}: ${path}`)
    }
  }
})

t.test('gRPC callers learn it in their own way', async (t) => {
  const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' }
  for (const [name, path] of [
    ['safe', '/shop.Cart/../Admin'],
    ['safe', '/../shop.Cart/Add'],
    ['redirect', '/shop.Cart%2fAdd'],
    ['reject', '/shop.Cart%2fAdd'],
  ] as const) {
    seen = []
    const client = session(t, `http://127.0.0.1:${pair.port(name)}`)
    const { status, headers } = await http2(client, path, grpc)
    if (path === '/shop.Cart/../Admin') t.same(seen, ['/Admin'], path)
    else {
      t.same([status, headers['grpc-status'], seen], [200, '13', []], `${name}: ${path}`)
    }
  }
})

t.test('what a connection manager says of escaped slashes is done', async (t) => {
  seen = []
  const redirected = await http1(pair.port('redirect'), '/a%2f..%2fb%5cc?d=%2f')
  t.equal(redirected.status, 307)
  t.match(redirected.head, /\r\nlocation: (http:\/\/a\.test)?\/b\/c\?d=%2f\r\n/)
  t.equal((await http1(pair.port('reject'), '/a%2fb')).status, 400)
  t.same(seen, [])
  for (const name of ['redirect', 'reject']) {
    seen = []
    t.equal((await http1(pair.port(name), '/a/../b?c=%2f')).status, 200, name)
    t.same(seen, ['/b?c=%2f'], name)
  }
})

t.test('off is off: what came is what the application sees', async (t) => {
  for (const target of ['//a/../b', '/..', '/a/..%2fb', '/a/..;/b', '/%', '/%7e', '/a\\..\\b']) {
    seen = []
    t.equal((await http1(pair.port('off'), target)).status, 200, target)
    t.same(seen, [target], target)
  }
})
