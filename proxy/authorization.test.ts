import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Action, Matcher, Rule, Stage } from '../core/authorization/rules.ts'
import { Watched } from '../core/watched.ts'
import { noTelemetry, type ConnectionRecord } from './exchange/telemetry-sink.ts'
import type { FilterConfig } from './model/filter.ts'
import type { HttpConnectionManager, Listener, TcpProxy } from './model/listener.ts'
import { formatFlags } from './model/response-flag.ts'
import { Runtime } from './runtime.ts'
import { forwardTo, listenerOf, MANAGER, TestConfiguration } from './testing/static-configuration.ts'

// Over real sockets: opaque connections, and what a client may write as HTTP/1.1. More of requests: steps/http/rbac.test.ts.

const ANY: Matcher = { kind: 'any' }
const LOOPBACK: Matcher = { kind: 'source-ip', prefix: '127.0.0.0', bits: 8 }
const sni = (value: string): Matcher => ({ kind: 'sni', match: { type: 'exact', value, ignoreCase: false } })
const rule = (name: string, permission: Matcher, principal: Matcher = ANY): Rule => ({
  name,
  permissions: [permission],
  principals: [principal],
})

function filter(action: Action, ...enforced: Rule[]): FilterConfig {
  const stage: Stage = { action, enforced, shadow: undefined }
  return {
    name: action,
    kind: 'envoy.filters.network.rbac',
    config: { statPrefix: 'weft', stage, audit: 'None' },
  }
}

const TCP: TcpProxy = {
  kind: 'tcp',
  statPrefix: 'a',
  clusters: [{ cluster: 'app', weight: 1 }],
  idleTimeoutMs: 0,
}

function guarded(...filters: readonly FilterConfig[]): Listener {
  const listener = listenerOf(TCP)
  return {
    ...listener,
    inspectTls: true,
    filterChains: listener.filterChains.map((one) => ({ ...one, filters })),
  }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** A server that sends back what it gets, requests each with 200, behind a proxy of one listener, which `set` replaces. */
async function start(t: Test, first: Listener) {
  const server = createServer((socket) =>
    socket
      .on('error', () => {})
      .on('data', (chunk: Buffer) => {
        const requests = chunk.toString('latin1').match(/ HTTP\/1\.1\r\n/g) ?? []
        socket.write(requests.length === 0 ? chunk : OK.repeat(requests.length))
      }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const configuration = new TestConfiguration()
  configuration.setCluster('app', [(server.address() as AddressInfo).port])
  const records: ConnectionRecord[] = []
  const told = new Watched(0)
  const runtime = new Runtime({
    configuration,
    secrets: new Watched(undefined),
    readSpiffeId: () => ({ ok: false, reason: 'no mesh in this test' }),
    telemetry: {
      ...noTelemetry,
      reference: () => '5'.repeat(32),
      connectionFinished(record) {
        records.push({ ...record })
        told.set(records.length)
      },
    },
    originalDestination: undefined,
    ownAddresses: [],
  })
  const set = (listener: Listener): void => {
    configuration.listener('front').set(listener)
    configuration.listeners.set(new Map([['front', listener]]))
  }
  set(first)
  await runtime.bindListeners((error) => t.fail(String(error)))
  t.teardown(() => {
    runtime.close()
    server.close()
  })
  const port = runtime.boundPort('front') as number
  const open = (): Socket => connect(port, '127.0.0.1').on('error', () => {})
  /** Of the connection number `count`, once it is over. */
  const record = async (count: number): Promise<ConnectionRecord> => {
    while (told.value < count) await new Promise<void>((done) => void told.watch(() => done()))
    return records[count - 1] as ConnectionRecord
  }
  return { set, open, record }
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString()
}

/** The code of the error that ended it; '': it ended in order. */
async function ended(socket: Socket): Promise<string> {
  let code = ''
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code ?? ''
  })
  socket.resume()
  await new Promise<void>((done) => void socket.once('close', () => done()))
  return code
}

t.test('an opaque connection is refused by a reset, before a byte goes on', async (t) => {
  const { open, record } = await start(t, guarded(filter('DENY', rule('db/local/0', ANY, LOOPBACK))))
  const socket = open()
  socket.write('x')
  t.equal(await ended(socket), 'ECONNRESET')
  const { flags, ...told } = await record(1)
  t.equal(formatFlags(flags), 'UAEX')
  t.match(told, {
    details: 'rbac_access_denied_matched_policy[db/local/0]',
    policy: 'db/local/0',
    decision: 'denied',
    reference: '5'.repeat(32),
    destinationAddress: '127.0.0.1',
    bytesReceived: 0,
  })
})

t.test('a connection that is open when rules come to refuse it is ended, and others are not', async (t) => {
  const allow = filter('ALLOW', rule('db/local/0', ANY, LOOPBACK))
  const { open, record, set } = await start(t, guarded(allow))
  const socket = open()
  t.equal(await echo(socket, 'one'), 'one')
  set(guarded(filter('DENY', rule('db/none/0', { kind: 'not', of: ANY })), allow))
  t.equal(await echo(socket, 'two'), 'two')
  const end = ended(socket)
  set(guarded(filter('DENY', rule('db/late/0', ANY)), allow))
  t.equal(await end, 'ECONNRESET')
  const { flags, ...told } = await record(1)
  t.equal(formatFlags(flags), 'UAEX')
  t.match(told, {
    details: 'rbac_access_denied_matched_policy[db/late/0]',
    policy: 'db/late/0',
    decision: 'denied',
    bytesReceived: 6,
    bytesSent: 6,
  })
})

t.test('what was let pass is told with its rule', async (t) => {
  const { open, record } = await start(t, guarded(filter('ALLOW', rule('db/local/0', ANY, LOOPBACK))))
  const socket = open()
  t.equal(await echo(socket, 'one'), 'one')
  socket.end()
  t.match(await record(1), { details: 'closed', policy: 'db/local/0', decision: 'allowed', reference: '' })
})

t.test('TLS that passes through is decided on by the name that it asks for', async (t) => {
  const listener = guarded(filter('ALLOW', rule('db/name/0', sni('db.shop.svc'))))
  const passed = listener.filterChains.map((one) => ({
    ...one,
    match: { ...one.match, transportProtocol: 'tls' as const },
  }))
  const { open, record } = await start(t, { ...listener, filterChains: passed })
  for (const [i, [name, decision]] of (
    [
      ['db.shop.svc', 'allowed'],
      ['DB.shop.svc', 'allowed'],
      ['other.shop.svc', 'denied'],
      ['', 'denied'],
    ] as const
  ).entries()) {
    const socket = open()
    socket.write(clientHello(name))
    if (decision === 'allowed') await once(socket, 'data')
    const end = ended(socket)
    if (decision === 'allowed') socket.destroy()
    await end
    t.match(await record(i + 1), { decision, serverName: name.toLowerCase() })
  }
})

const HTTP: HttpConnectionManager = {
  ...MANAGER,
  codec: 'http1',
  route: {
    kind: 'inline',
    config: { name: 'r', virtualHosts: [{ name: 'all', domains: ['*'], routes: [forwardTo({ app: 1 })] }] },
  },
}

function deniedTo(...permissions: readonly Matcher[]): Listener {
  const enforced = permissions.map((permission, i) => rule(`shop/deny/${i}`, permission))
  const stage: Stage = { action: 'DENY', enforced, shadow: undefined }
  const filters = [{ name: 'deny', kind: 'envoy.filters.http.rbac', config: { stage, audit: 'None' } }]
  return listenerOf({ ...HTTP, filters })
}

t.test('however HTTP/1.1 writes it, what is denied is refused, and nothing else', async (t) => {
  const text = (value: string, ignoreCase = false) => ({ type: 'exact', value, ignoreCase }) as const
  const { open } = await start(
    t,
    deniedTo(
      { kind: 'path', match: { ...text('/admin'), type: 'prefix' } },
      { kind: 'path', match: text('*') },
      { kind: 'host', match: text('secret.shop', true) },
      { kind: 'header', name: 'x-tenant', match: text('evil') },
      { kind: 'method', match: text('DELETE') },
    ),
  )
  const head = (line: string, ...fields: string[]): string =>
    [line, ...(line.includes('://') ? [] : ['Host: shop']), ...fields, '', ''].join('\r\n')
  for (const [request, denied] of [
    [head('GET /ok HTTP/1.1'), false],
    [head('GET /admin HTTP/1.1'), true],
    [head('GET //admin HTTP/1.1'), true],
    [head('GET /x/../admin?a HTTP/1.1'), true],
    [head('GET /%61dmin HTTP/1.1'), true],
    [head('GET http://shop/admin HTTP/1.1', 'Host: shop'), true],
    [head('GET http://shop/ok HTTP/1.1', 'Host: shop'), false],
    [head('OPTIONS * HTTP/1.1'), true],
    [head('GET http://SECRET.shop/ok HTTP/1.1', 'Host: SECRET.shop'), true],
    [head('GET /ok HTTP/1.1', 'X-Tenant: good', 'x-TENANT: evil'), true],
    [head('GET /ok HTTP/1.1', 'X-Tenant: good'), false],
    [head('GET /ok HTTP/1.1', 'X-Tenant: \xff'), true],
    [head('DELETE /ok HTTP/1.1'), true],
    [head('GET /ok HTTP/1.1', 'X-HTTP-Method-Override: DELETE'), false],
  ] as const) {
    const socket = open()
    // The one that is refused comes behind one that is not, in one write.
    const piped = head('GET /first HTTP/1.1') + request + head('GET /last HTTP/1.1', 'Connection: close')
    socket.write(piped, 'latin1')
    let answers = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answers += chunk
    })
    await new Promise<void>((done) => void socket.once('close', () => done()))
    const statuses = [...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)
    t.same(statuses, ['200', denied ? '403' : '200', '200'], request)
  }
})

/** RFC 8446 section 4.1.2, with nothing but a server name (RFC 6066 section 3). */
function clientHello(name: string): Buffer {
  const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
  const sized = (body: Buffer): Buffer => Buffer.concat([u16(body.length), body])
  const extension =
    name === ''
      ? Buffer.alloc(0)
      : Buffer.concat([u16(0), sized(sized(Buffer.concat([Buffer.from([0]), sized(Buffer.from(name))])))])
  const hello = Buffer.concat([
    u16(0x303),
    Buffer.alloc(32),
    Buffer.from([0]),
    sized(u16(0x1301)),
    Buffer.from([1, 0]),
    sized(extension),
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), sized(hello)])
  return Buffer.concat([Buffer.from([22, 3, 1]), sized(message)])
}
