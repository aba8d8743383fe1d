import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createSecureServer, createServer as createServer2 } from 'node:http2'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../../core/testing/free-ports.ts'
import { identityOf } from './testing/bootstrap.ts'
import { endProxy, portOf } from './testing/pair.ts'
import { application, ask, cluster, listener, manager, opaque, TYPE } from './testing/one-proxy.ts'
import { ProxyProcess } from './testing/proxy-process.ts'
import { dial } from './testing/raw-http.ts'

// Fields of a bootstrap file that a proxy takes do what they say, over sockets; those that it cannot do it refuses by name.

const options = (of: object) => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      ...of,
    },
  },
})
const HTTP2 = { explicit_http_config: { http2_protocol_options: {} } }

let folder: string
t.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-fields-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
})

t.test('what is taken is done', async (t) => {
  const names = await Promise.all(
    ['one', 'two'].map((name) => application(t, (_, response) => void response.end(name))),
  )
  const echo = await application(t, (message, response) => void response.end(`path ${message.url ?? ''}`))
  const weighted = names.map((port, i) => ({ port, weight: i === 0 ? 1 : 3 }))

  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const plain2 = createServer2((_, response) => void response.end('two'))
  plain2.on('connection', (socket: Socket) => socket.on('close', () => end()))
  await once(plain2.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => plain2.close())

  const { certificatePem, privateKeyPem, bundlePem } = identityOf('server')
  const tls2 = createSecureServer(
    { cert: certificatePem, key: privateKeyPem, ALPNProtocols: ['h2'] },
    (message, response) => void response.end(`http ${message.httpVersion}`),
  )
  await once(tls2.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => tls2.close())

  const held = createServer().listen(0, '127.0.0.1')
  await once(held, 'listening')
  t.teardown(() => {
    held.close()
    held.closeAllConnections()
  })

  const [port, tcp, admin] = (await freePorts(3)) as [number, number, number]
  const to = (prefix: string, cluster: string, action: object = {}, more: object = {}) => ({
    match: { prefix },
    route: { cluster, ...action },
    ...more,
  })
  const static_resources = {
    listeners: [
      listener(
        'web',
        port,
        manager([
          to('/turns', 'turns'),
          to('/drawn', 'drawn'),
          to('/idle', 'idle'),
          to('/tls', 'tls'),
          {
            match: {
              prefix: '/absent',
              headers: [{ name: 'x-a', string_match: { exact: 'b' }, invert_match: true }],
            },
            route: { cluster: 'echo' },
          },
          {
            match: { prefix: '/there', headers: [{ name: 'x-a', present_match: true, invert_match: true }] },
            route: { cluster: 'echo' },
          },
          to('/old/', 'echo', { prefix_rewrite: '/' }),
          to('/bare', 'echo', { prefix_rewrite: '/new/' }),
          to('/whole/', 'echo', {
            regex_rewrite: { pattern: { regex: '^/whole/(.*)$' }, substitution: '/all\\0' },
          }),
        ]),
      ),
      listener('tcp', tcp, opaque('one-connection')),
    ],
    clusters: [
      cluster('turns', weighted, { lb_policy: 'ROUND_ROBIN' }),
      cluster('drawn', weighted, { lb_policy: 'RANDOM' }),
      cluster('echo', [{ port: echo }]),
      cluster(
        'idle',
        [{ port: portOf(plain2) }],
        options({ ...HTTP2, common_http_protocol_options: { idle_timeout: '0.3s' } }),
      ),
      cluster('tls', [{ port: portOf(tls2) }], {
        ...options(HTTP2),
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext`,
            common_tls_context: {
              validation_context: {
                trusted_ca: { inline_string: bundlePem },
                match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://' } }],
              },
            },
          },
        },
      }),
      cluster('one-connection', [{ port: portOf(held) }], {
        circuit_breakers: { thresholds: [{ max_connections: 1 }] },
      }),
    ],
  }
  const node = { id: 'alone', cluster: 'alone' }
  const proxy = await ProxyProcess.start('alone', folder, { node, static_resources }, admin)
  t.teardown(() => endProxy(proxy))

  const shareOfTwo = async (path: string, count: number): Promise<number> => {
    let two = 0
    for (let i = 0; i < count; i++) if ((await ask(port, path)).endsWith('two')) two++
    return two
  }
  t.equal(await shareOfTwo('/turns', 40), 30, 'turns by weight')
  const drawn = await shareOfTwo('/drawn', 200)
  // 150 of 200 with a deviation of 6.1: six of them either way.
  t.ok(drawn > 113 && drawn < 187, `drawn by weight: ${drawn} of 200`)

  t.match(await ask(port, '/idle'), /^HTTP\/1.1 200 [^]*two/)
  // An unused HTTP/2 connection is ended.
  await ended
  t.match(await ask(port, '/tls'), /^HTTP\/1.1 200 [^]*http 2.0/, 'HTTP/2 over TLS without alpn_protocols')

  t.match(await ask(port, '/absent', 'x-a: c\r\n'), /^HTTP\/1.1 200 /)
  t.match(await ask(port, '/absent'), /^HTTP\/1.1 404 /, 'what is absent has no value, as in Envoy')
  t.match(await ask(port, '/absent', 'x-a: b\r\n'), /^HTTP\/1.1 404 /)
  t.match(await ask(port, '/there'), /^HTTP\/1.1 200 /)
  t.match(await ask(port, '/there', 'x-a: b\r\n'), /^HTTP\/1.1 404 /)
  t.match(await ask(port, '/old/a?b'), /path \/a\?b/)
  t.match(await ask(port, '/bare'), /path \/new\//)
  t.match(await ask(port, '/bare/a'), /path \/new\/a/, 'rewritten paths are put in order, too')
  t.match(await ask(port, '/whole/a'), /path \/all\/whole\/a/)

  const connected = once(held, 'connection')
  const first = await dial(tcp)
  first.write('x')
  await connected
  const second = await dial(tcp)
  second.write('x')
  t.equal(await second.untilEnd(), '', 'a second connection is not made')
  first.socket.destroy()
  second.socket.destroy()
})

const REFUSED = [
  { request_headers_to_add: [{ header: { key: ':path', value: '/x' } }] },
  { request_headers_to_add: [{ header: { key: ':authority', value: 'x' } }] },
  { request_headers_to_remove: [':method'] },
  { request_headers_to_add: [{ header: { key: 'x-a', value: 'b\nx-c: d' } }] },
  { response_headers_to_add: [{ header: { key: 'x-a', value: 'b\r\nx-c: d' } }] },
  { response_headers_to_remove: ['x-a\r\nx-b'] },
] as const

t.test('pseudo fields and line ends in mutations are refused, each by its place', async (t) => {
  const [port, admin] = (await freePorts(2)) as [number, number]
  const routes = REFUSED.map((more) => ({ match: { prefix: '/' }, route: { cluster: 'app' }, ...more }))
  const static_resources = {
    listeners: [listener('web', port, manager(routes))],
    clusters: [cluster('app', [{ port }])],
  }
  const node = { id: 'alone', cluster: 'alone' }
  const said = await ProxyProcess.start('alone', folder, { node, static_resources }, admin).then(
    () => 'it started',
    (error: Error) => error.message,
  )
  for (const [i, more] of REFUSED.entries())
    t.match(said, new RegExp(`routes\\[${i}\\]\\.${Object.keys(more)[0]}`), JSON.stringify(more))
})
