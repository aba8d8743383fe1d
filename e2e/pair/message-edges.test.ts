import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import t, { type Test } from 'tap'
import { strangerTls } from './testing/bootstrap.ts'
import { BareHttp2 } from './testing/bare-http2.ts'
import { startPair, type Pair } from './testing/pair.ts'
import { application, ask, type Application, type Protocol } from './testing/two-protocols.ts'

// What messages may hold at their edges, from callers of either protocol to applications of either, across a link.

const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'HTTP/2']
let pair: Pair
let apps: Record<Protocol, Application>
let bare: BareHttp2

t.before(async () => {
  apps = { 'HTTP/1.1': await application(t, 'HTTP/1.1'), 'HTTP/2': await application(t, 'HTTP/2') }
  bare = await BareHttp2.listen(t)
  pair = await startPair(t, [
    { name: 'HTTP/1.1', kind: 'http', app: apps['HTTP/1.1'].port, appProtocol: 'http1' },
    { name: 'HTTP/2', kind: 'http', app: apps['HTTP/2'].port, appProtocol: 'http2' },
    { name: 'bare', kind: 'http', app: bare.port, appProtocol: 'http2' },
  ])
})

/** Runs a test for each pair of a caller and an application. */
function each(what: string, run: (t: Test, caller: Protocol, app: Protocol) => Promise<void>): void {
  for (const caller of PROTOCOLS)
    for (const app of PROTOCOLS) t.test(`${what}: ${caller} to ${app}`, (t) => run(t, caller, app))
}

each('blanks around values are taken off, wherever they stand', async (t, caller, app) => {
  const fields = {
    'x-behind': 'a b ',
    'x-before': ' a b',
    'x-both': '\t a b \t',
    'x-only': '  ',
    'x-empty': '',
  }
  const trimmed = { 'x-behind': 'a b', 'x-before': 'a b', 'x-both': 'a b', 'x-only': '', 'x-empty': '' }
  const served = apps[app].serve({ status: 200, fields, trailers: fields })
  const answer = await ask(t, caller, pair.port(app), { fields, trailers: fields })
  const request = await served
  t.match(request.fields, trimmed)
  t.match(answer.fields, trimmed)
  t.strictSame(request.trailers, trimmed)
  t.strictSame(answer.trailers, trimmed)
})

t.test('any status of three digits', async (t) => {
  for (const caller of PROTOCOLS)
    for (const status of [299, 599, 600, 799, 999]) {
      const served = apps['HTTP/1.1'].serve({ status, fields: { 'x-own': String(status) } })
      const answer = await ask(t, caller, pair.port('HTTP/1.1'), {})
      await served
      t.match(answer, { status, fields: { 'x-own': String(status) } }, `${caller} of HTTP/1.1`)
      bare.status = status
      t.match(await ask(t, caller, pair.port('bare'), {}), { status }, `${caller} of HTTP/2`)
    }
})

const FORBIDDEN = {
  trailer: 'x-sum',
  te: 'trailers',
  authorization: 'Basic eDp5',
  cookie: 'a=b',
  'set-cookie': 'a=b',
  'content-type': 'text/plain',
  'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/shop/sa/admin',
  x_forwarded_client_cert: 'URI=spiffe://cluster.local/ns/shop/sa/admin',
  'x-forwarded_for': '192.0.2.1',
  'x-weft-http': '2',
  'x-weft-spelling': 'X-Sum',
  'x.weft.http': '2',
}
/** HTTP/2 has none of these, and Node sends none. */
const OF_HTTP1 = {
  connection: 'x-sum',
  'keep-alive': 'timeout=1',
  'proxy-connection': 'close',
  upgrade: 'own',
}

each('trailers that frame, route or vouch are not passed on, either way', async (t, caller, app) => {
  const trailersOf = (protocol: Protocol) => ({
    'x-sum': '42',
    ...FORBIDDEN,
    ...(protocol === 'HTTP/1.1' ? OF_HTTP1 : {}),
    'grpc-status': '3',
  })
  const passed = { 'x-sum': '42', 'grpc-status': '3' }
  const served = apps[app].serve({ status: 200, trailers: trailersOf(app) })
  const answer = await ask(t, caller, pair.port(app), { trailers: trailersOf(caller) })
  t.strictSame((await served).trailers, passed)
  t.strictSame(answer.trailers, passed)
})

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')
const PATHS = ['/a#b', '/#', '/a?b#c', utf8('/é'), utf8('/?q=日本'), '/\xff']
/** Malformed in HTTP/2 itself (RFC 9113 section 8.3.1): nobody answers these, their stream is reset. */
const MALFORMED = ['/a b', '/a\tb', 'a', '/a\x7fb']

t.test('a :path that no request line can hold is for its caller to mend, and reaches nobody', async (t) => {
  const sessions: Record<string, ClientHttp2Session> = {}
  for (const app of PROTOCOLS) {
    sessions[`both to ${app}`] = connectHttp2(`http://127.0.0.1:${pair.port(app)}`)
    sessions[`the inner one to ${app}`] = connectHttp2(`https://127.0.0.1:${pair.inner(app)}`, strangerTls())
  }
  const before = PROTOCOLS.map((app) => apps[app].count)
  for (const [through, session] of Object.entries(sessions)) {
    for (const path of PATHS) {
      const stream = session.request({ ':path': path })
      const [headers] = (await once(stream, 'response')) as [Record<string, string>]
      t.equal(headers[':status'], 400, `${through}: ${JSON.stringify(path)}`)
      stream.resume()
      await once(stream, 'close')
    }
    for (const path of MALFORMED) {
      const stream = session.request({ ':path': path })
      const [error] = (await once(stream, 'error')) as [Error]
      t.match(error.message, 'PROTOCOL_ERROR', `${through}: ${JSON.stringify(path)}`)
    }
    t.equal(session.closed, false, 'the others of its connection go on')
    session.destroy()
  }
  t.same(
    PROTOCOLS.map((app) => apps[app].count),
    before,
  )
})
