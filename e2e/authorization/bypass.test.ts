import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { newRoot, secretsFor } from '../../proxy/testing/mesh-identity.ts'
import { inOwnNamespace } from '../sidecar/own-namespace.ts'
import { addAddresses, ANYWHERE } from './addresses-of-world.ts'
import { Application } from './application.ts'
import { plainConnection } from './calling.ts'
import { viewOf } from './pure.ts'
import { CAPTURED, ServingSidecar } from './serving-sidecar.ts'
import { allow, deny, from, to, type WrittenObject } from './written.ts'
import { PODS } from './world.ts'

// Ways around policies, byte by byte, at the sidecar of a pod whose application reads as leniently as any does. What counts is
// what the application saw.

const PAY = PODS['pay']
if (!PAY) throw new Error('world.ts has no pod pay')
const ADMIN = deny('no-admin', [to({ paths: ['/admin', '/admin/*'] })])
/** Everything but /admin. */
const OPEN = [ADMIN]
const LIST = [
  ADMIN,
  allow('list', [
    {
      ...from({ serviceAccounts: ['shop/web'] }),
      ...to({ methods: ['GET'], paths: ['/public/*', '*.png'] }),
    },
  ]),
]

/** As the most lenient application reads the target of a request. */
function read(line: string): string {
  const target = (line.split(' ')[1] ?? '').replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/)[0] ?? ''
  const decoded = target.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  )
  const { pathname } = new URL(
    decoded
      .replaceAll('\\', '/')
      .split('/')
      .map((segment) => segment.split(';')[0])
      .join('/')
      .replaceAll(/\/+/g, '/'),
    'http://a/',
  )
  return pathname.toLowerCase()
}

const isAdmin = (line: string): boolean => /^\/admin(?:\/|$)/.test(read(line))

/** Targets that some read as /admin or as what is below it. */
const TARGETS = [
  '/admin',
  '/admin/users',
  '/admin?x',
  '//admin',
  '/x/../admin',
  '/./admin',
  '/x/..//admin',
  '/%61dmin',
  '/%2561dmin/../admin',
  '/admin%2Fusers',
  '/admin%2fusers',
  '/admin%5Cusers',
  '/admin\\users',
  '\\admin',
  '/x/..%2Fadmin',
  '/x/%2e%2e/admin',
  '/x/%2E%2E%2fadmin',
  '/x/..%5cadmin',
  '/x/..;/admin',
  '/x;y/../admin',
  '/;/admin',
  '/admin;x=y',
  '/admin;x/users',
  '/admin%3Bx',
  '/;x%2Fadmin',
  '/ADMIN',
  '/Admin/users',
  '/admin/',
  '/admin#x',
  '/x#/../admin',
  '/admin%',
  '/admin%2',
  '/admin%00',
  '/admin\t',
  'http://pay.payments/admin',
  'http://pay.payments//admin',
  'HTTP://PAY.payments/x/../admin',
  'http://admin/admin',
  'admin',
  '/public/../admin',
  '/public/..%2Fadmin',
  '/public/..;/admin',
  '/admin;.png',
  '/admin%2F.png',
  '/admin?.png',
  '/admin/a.png',
]

inOwnNamespace(t, import.meta.filename, () => {
  let application: Application
  let sidecar: ServingSidecar
  const root = newRoot()
  const web = secretsFor(root, 'spiffe://cluster.local/ns/shop/sa/web')
  const place = { host: PAY.address, port: 8080 + CAPTURED }

  t.before(async () => {
    addAddresses()
    application = await Application.listen(t, PAY.address, PAY.ports)
    if (PAY.address6 !== undefined) {
      const six = await Application.listen(t, PAY.address6, PAY.ports)
      six.requests = application.requests
    }
    sidecar = await ServingSidecar.start(t as unknown as Test, root, PAY, [PAY.address, PAY.address6 ?? ''])
  })
  t.beforeEach(() => {
    application.requests.length = 0
  })
  const follow = (objects: readonly WrittenObject[]): void => sidecar.follow(viewOf(objects))

  async function mesh(alpn: string): Promise<Socket> {
    const { certificatePem: cert, privateKeyPem: key, bundlePem: ca } = web
    const socket = connectTls({
      ...place,
      cert,
      key,
      ca,
      ALPNProtocols: [alpn],
      checkServerIdentity: () => undefined,
    })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    return socket
  }

  /** All that comes back for these bytes, until the other side ends; `until` ends it before. */
  async function send(bytes: string, socket: Socket, until = /\r\n\r\n/): Promise<string> {
    let came = ''
    socket.on('data', (chunk: Buffer) => {
      came += chunk.toString('latin1')
      if (until.test(came)) socket.end()
    })
    const over = once(socket, 'close')
    socket.write(bytes, 'latin1')
    await over
    return came
  }

  const get = (target: string, more = '', method = 'GET'): string =>
    `${method} ${target} HTTP/1.1\r\nhost: pay.payments\r\n${more}\r\n`

  for (const [name, objects] of [
    ['a DENY alone', OPEN],
    ['a DENY and a list', LIST],
  ] as const) {
    t.test(`no way of writing a path leads past ${name}, over HTTP/1.1`, async (t) => {
      follow(objects)
      for (const target of TARGETS) {
        const came = await send(get(target), await mesh('http/1.1'))
        t.match(came, /^(?:HTTP\/1\.1 40[03] |$)/, target)
      }
      t.same(application.requests.filter(isAdmin), [])
      t.same(application.requests, [], 'nothing of it came')
      await send(get('/public/a.png'), await mesh('http/1.1'))
      t.same(application.requests, ['GET /public/a.png HTTP/1.1'], 'and what is meant does')
    })

    t.test(`nor over HTTP/2 past ${name}`, async (t) => {
      follow(objects)
      const { certificatePem: cert, privateKeyPem: key, bundlePem: ca } = web
      const options = { cert, key, ca, ALPNProtocols: ['h2'], checkServerIdentity: () => undefined }
      const session = connectHttp2(`https://${place.host}:${place.port}`, options)
      session.on('error', () => {})
      t.teardown(() => session.destroy())
      const statusOf = async (headers: Record<string, string>): Promise<unknown> => {
        try {
          const stream = session.request(headers)
          const answered = once(stream, 'response') as Promise<[Record<string, unknown>]>
          return (await answered)[0][':status']
        } catch (error) {
          return error instanceof Error ? error.name : error
        }
      }
      for (const target of TARGETS.filter((one) => one.startsWith('/')))
        t.not(await statusOf({ ':path': target, ':authority': 'pay.payments' }), 200, target)
      for (const headers of [
        { ':path': '', ':authority': 'pay.payments' },
        { ':path': '/admin', ':authority': 'pay.payments', host: 'other' },
        { ':path': '/admin', ':authority': '' },
        { ':path': '/admin', ':authority': 'pay.payments', ':scheme': 'file' },
        { ':path': '/admin', ':authority': 'pay.payments', 'x-original-url': '/public/a' },
        { ':path': '/admin', ':authority': 'pay.payments', ':method': 'get' },
      ])
        t.not(await statusOf(headers), 200, JSON.stringify(headers))
      t.same(application.requests, [])
    })
  }

  t.test('a request that another one brings along is decided on, too', async (t) => {
    follow(LIST)
    const ok = get('/public/a')
    for (const [title, bytes] of [
      ['pipelined', ok + get('/admin')],
      ['three', ok + ok + get('/admin')],
      [
        'CL.TE',
        `${get('/public/a', 'content-length: 4\r\ntransfer-encoding: chunked\r\n')}0\r\n\r\n${get('/admin')}`,
      ],
      [
        'TE.CL',
        `${get('/public/a', 'transfer-encoding: chunked\r\ncontent-length: 60\r\n')}0\r\n\r\n${get('/admin')}`,
      ],
      [
        'TE.TE',
        `${get('/public/a', 'transfer-encoding: chunked\r\ntransfer-encoding: x\r\n')}0\r\n\r\n${get('/admin')}`,
      ],
      ['two lengths', get('/public/a', 'content-length: 0\r\ncontent-length: 5\r\n') + get('/admin')],
      ['a length that is none', get('/public/a', 'content-length: +0\r\n') + get('/admin')],
      ['bare LF', 'GET /public/a HTTP/1.1\nhost: pay.payments\n\nGET /admin HTTP/1.1\nhost: a\n\n'],
      ['LF in a field', get('/public/a', 'x: y\n\nGET /admin HTTP/1.1\nhost: a\n')],
      ['space before the colon', get('/public/a', 'transfer-encoding : chunked\r\n') + get('/admin')],
      ['folded', get('/public/a', 'x: y\r\n GET /admin HTTP/1.1\r\n')],
      [
        'in trailers',
        `${get('/public/a', 'transfer-encoding: chunked\r\n')}0\r\nx: y\r\n\r\n${get('/admin')}`,
      ],
      [
        'in an extension',
        `${get('/public/a', 'transfer-encoding: chunked\r\n')}0;\nx\r\n\r\n${get('/admin')}`,
      ],
    ] as const) {
      const socket = await mesh('http/1.1')
      // The sidecar ends the connection, or the last refusal has come.
      await send(bytes, socket, /access denied[^\n]*\n$/)
      t.same(application.requests.filter(isAdmin), [], title)
    }
  })

  t.test('methods and fields that pretend to be others', async (t) => {
    follow(LIST)
    for (const [title, bytes] of [
      ['override', get('/public/a', 'x-http-method-override: GET\r\ncontent-length: 0\r\n', 'POST')],
      [
        'override of another kind',
        get('/public/a', 'x-method-override: GET\r\ncontent-length: 0\r\n', 'DELETE'),
      ],
      ['lower case', get('/public/a', '', 'get')],
      ['original URL', get('/admin', 'x-original-url: /public/a\r\n')],
      ['rewritten URL', get('/admin', 'x-rewrite-url: /public/a\r\n')],
      ['identity', get('/admin', 'x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/admin\r\n')],
    ] as const)
      t.match(await send(bytes, await mesh('http/1.1')), /^HTTP\/1\.1 40[03]/, title)
    t.same(application.requests, [])
    const CLAIM = 'x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/web\r\n'
    t.match(await send(get('/public/a', CLAIM), await plainConnection(place)), /^HTTP\/1\.1 403/, 'plaintext')
    t.same(application.requests, [])
  })

  t.test('fields that stand twice, and names that are almost the same', async (t) => {
    follow([
      deny('role', [{ when: [{ key: 'request.headers[x-role]', values: ['admin'] }] }]),
      allow('tenant', [{ when: [{ key: 'request.headers[x-tenant]', values: ['a'] }] }]),
    ])
    for (const [title, fields] of [
      ['the second', 'x-tenant: a\r\nx-role: user\r\nx-role: admin\r\n'],
      ['the first', 'x-tenant: a\r\nX-Role: admin\r\nx-role: user\r\n'],
      ['with spaces', 'x-tenant: a\r\nx-role: \t admin \t\r\n'],
      ['an underscore', 'x_tenant: a\r\n'],
      ['not UTF-8', 'x-tenant: a\r\nx-role: \xff\r\n'],
      ['none', ''],
    ] as const)
      t.match(await send(get('/x', fields), await mesh('http/1.1')), /^HTTP\/1\.1 40[03]/, title)
    t.same(application.requests, [])
  })

  t.test('IPv6 is no way beside IPv4', async (t) => {
    follow(LIST)
    const six = await plainConnection({ host: PAY.address6 ?? '', port: place.port })
    t.match(await send(get('/public/a'), six), /^HTTP\/1\.1 403/, 'plaintext by IPv6')
    t.same(application.requests, [])
  })

  t.test('another pod at the address of one that was allowed is another one', async (t) => {
    follow(LIST)
    const other = secretsFor(root, 'spiffe://cluster.local/ns/other/sa/web')
    for (const [secrets, status] of [
      [web, 200],
      [other, 403],
    ] as const) {
      const { certificatePem: cert, privateKeyPem: key, bundlePem: ca } = secrets
      const options = { ...place, localAddress: ANYWHERE, cert, key, ca, ALPNProtocols: ['http/1.1'] }
      const socket = connectTls({ ...options, checkServerIdentity: () => undefined } as never)
      socket.on('error', () => {})
      await once(socket, 'secureConnect')
      t.match(await send(get('/public/a'), socket), new RegExp(`^HTTP/1\\.1 ${status}`))
    }
  })

  t.test('a policy that comes while a connection is open holds for its next request', async (t) => {
    follow([])
    const socket = await mesh('http/1.1')
    let came = ''
    socket.on('data', (chunk: Buffer) => (came += chunk.toString('latin1')))
    socket.write(get('/admin'))
    while (!came.includes('\r\n\r\nok')) await once(socket, 'data')
    follow(OPEN)
    came = ''
    socket.write(get('/admin'))
    while (!/access denied/.test(came)) await Promise.race([once(socket, 'data'), once(socket, 'close')])
    t.match(came, /^HTTP\/1\.1 403/)
    t.equal(application.requests.length, 1)
    socket.destroy()
  })
})
