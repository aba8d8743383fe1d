import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { once, type EventEmitter } from 'node:events'
import { request } from 'undici'
import t, { type Test } from 'tap'
import { ClusterManager } from '../upstream/cluster-manager.ts'
import { TestConfiguration } from '../testing/static-configuration.ts'
import { adminHandler, readiness } from './admin.ts'
import type { AppProbe } from '../../core/app-probe.ts'
import { newRoot, secretsOf } from '../testing/mesh-identity.ts'
import { appProbeHandler, parseAppProbes } from './app-probes.ts'
import { serveEndpoint, type Handler } from './http-endpoint.ts'

async function serve(t: Test, handler: Handler, localOnly = false): Promise<string> {
  const { server, port } = await serveEndpoint('127.0.0.1', 0, handler, { localOnly })
  t.teardown(() => server.close())
  return `http://127.0.0.1:${port}`
}

async function get(url: string, options: Parameters<typeof request>[1] = {}) {
  const { statusCode, body } = await request(url, options)
  return { status: statusCode, text: await body.text() }
}

t.test('the admin pages: help, readiness, stats, clusters, certificates', async (t) => {
  const configuration = new TestConfiguration()
  configuration.setCluster('app', [8080])
  const clusters = new ClusterManager({ configuration, connector: () => ({ cancel() {} }) })
  clusters.get('app')
  let ready = false
  const base = await serve(
    t,
    adminHandler({
      ready: () => ({ ready, reason: 'no certificate yet' }),
      metrics: ({ format }) =>
        format === 'text'
          ? {
              type: 'text/plain; version=0.0.4',
              body: '# TYPE a counter\na{x="1 2"} 3\nb_bucket{le="1"} 1\n',
            }
          : { type: format, body: Buffer.from([1, 255]) },
      clusters,
      configDump: () => ({ listeners: [], routes: [] }),
      certificates: () => ({ spiffeId: 'spiffe://cluster.local/ns/shop/sa/web' }),
    }),
    true,
  )
  t.match(await get(`${base}/help`), { status: 200, text: /config_dump/ })
  t.match(await get(`${base}/ready`), { status: 503, text: 'NOT READY: no certificate yet\n' })
  ready = true
  t.match(await get(`${base}/ready`), { status: 200, text: 'LIVE\n' })
  t.match(await get(`${base}/stats`), { text: 'a{x="1 2"}: 3\n' })
  t.same(JSON.parse((await get(`${base}/stats?format=json`)).text), { 'a{x="1 2"}': 3 })
  t.match(await get(`${base}/stats/prometheus`), { text: /^# TYPE a counter/ })
  const protobuf = {
    accept: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
  }
  for (const path of ['/stats/prometheus', '/stats?format=prometheus']) {
    const { headers, body } = await request(`${base}${path}`, { headers: protobuf })
    t.same(
      [headers['content-type'], Buffer.from(await body.arrayBuffer())],
      ['protobuf', Buffer.from([1, 255])],
    )
  }
  t.match(await get(`${base}/stats?format=xml`), { status: 400 })
  t.match(JSON.parse((await get(`${base}/clusters`)).text), [
    {
      name: 'app',
      state: 'known',
      endpoints: [{ address: '127.0.0.1:8080', standing: 'use', objections: [], mtls: false }],
    },
  ])
  t.match(await get(`${base}/config_dump?resource=routes`), { status: 200, text: /"routes"/ })
  t.match(await get(`${base}/config_dump?resource=secrets`), { status: 400 })
  t.match(await get(`${base}/nothing`), { status: 404 })
})

t.test('nobody shuts the proxy down from afar, changes it, or reads it through a web page', async (t) => {
  const base = await serve(t, () => ({ status: 200, body: 'secret' }), true)
  for (const method of ['POST', 'PUT', 'DELETE'] as const)
    t.equal((await get(`${base}/shutdown`, { method })).status, 405)
  t.equal((await get(base, { headers: { host: 'rebound.example.org' } })).status, 403)
  t.equal((await get(base, { headers: { host: 'localhost:15000' } })).status, 200)
})

t.test("the application's probes are made for the kubelet", async (t) => {
  let status = 200
  const app = createServer((message, response) => {
    response.statusCode = message.url === '/healthz' && message.headers['x-probe'] === 'yes' ? status : 404
    response.end()
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  const address = app.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const probes: Record<string, AppProbe> = {
    '/app-health/web/readyz': {
      httpGet: { path: '/healthz', port, scheme: 'HTTP', httpHeaders: [{ name: 'x-probe', value: 'yes' }] },
      timeoutSeconds: 1,
    },
    '/app-health/web/livez': { tcpSocket: { port }, timeoutSeconds: 1 },
    '/app-health/web/startupz': { tcpSocket: { port: 1 }, timeoutSeconds: 1 },
  }
  const base = await serve(t, appProbeHandler(parseAppProbes(JSON.stringify(probes)), '127.0.0.1'))
  t.equal((await get(`${base}/app-health/web/readyz`)).status, 200)
  status = 500
  t.match(await get(`${base}/app-health/web/readyz`), { status: 503, text: /answered 500/ })
  t.equal((await get(`${base}/app-health/web/livez`)).status, 200)
  t.equal((await get(`${base}/app-health/web/startupz`)).status, 503)
  t.equal((await get(`${base}/app-health/other/livez`)).status, 404)
  t.throws(() => parseAppProbes('{'), { code: 'probes.malformed', field: 'WEFT_APP_PROBES' })
  t.equal(readiness({ ready: () => ({ ready: true, reason: '' }) }).status, 200)
})

t.test("probes of ports that take the PROXY protocol say that they are nobody's", async (t) => {
  const begun: string[] = []
  const wake: (() => void)[] = []
  const text = createServer((message, response) => response.end(message.url))
  const grpc = createHttp2Server((_message, response) => {
    response.setHeader('content-type', 'application/grpc')
    response.end(Buffer.from([0, 0, 0, 0, 2, 0x08, 1]))
  })
  const { certificatePem, privateKeyPem } = secretsOf(newRoot(), 'web')
  const secure = createHttpsServer({ cert: certificatePem, key: privateKeyPem }, (message, response) =>
    response.end(message.url),
  )
  // The header may come alone: what follows is known by who asks.
  let engine: EventEmitter = text
  const app = createTcpServer((socket) => {
    socket.once('readable', () => {
      const first = (socket.read() as Buffer | null) ?? Buffer.alloc(0)
      const length = first[0] === 0x0d ? 16 : first.indexOf('\n') + 1
      begun.push(first.toString('latin1', 0, length))
      const rest = first.subarray(length)
      if (rest.length > 0) socket.unshift(rest)
      socket.on('error', () => {})
      engine.emit('connection', socket)
      for (const woken of wake.splice(0)) woken()
    })
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  const { port } = app.address() as AddressInfo
  const handlerFor = (version: 'v1' | 'v2', probe: Omit<AppProbe, 'timeoutSeconds'>) =>
    appProbeHandler(
      new Map([['/app-health/web/livez', { ...probe, timeoutSeconds: 60 }]]),
      '127.0.0.1',
      new Map([[port, version]]),
    )
  const probes: Omit<AppProbe, 'timeoutSeconds'>[] = [
    { httpGet: { path: '/up', port, scheme: 'HTTP', httpHeaders: [] } },
    { httpGet: { path: '/up', port, scheme: 'HTTPS', httpHeaders: [] } },
    { tcpSocket: { port } },
    { grpc: { port, service: '' } },
  ]
  for (const [version, said] of [
    ['v1', 'PROXY UNKNOWN\r\n'],
    ['v2', '\r\n\r\n\0\r\nQUIT\n \0\0\0'],
  ] as const)
    for (const probe of probes) {
      engine = probe.grpc ? grpc : probe.httpGet?.scheme === 'HTTPS' ? secure : text
      const heard = new Promise<void>((resolve) => wake.push(resolve))
      const base = await serve(t, handlerFor(version, probe))
      t.equal((await get(`${base}/app-health/web/livez`)).status, 200, `${version} ${Object.keys(probe)[0]}`)
      await heard
      t.equal(begun.pop(), said)
    }
})

t.test('a probe is made as the kubelet would make it, once for all who ask meanwhile', async (t) => {
  const seen: { url: string | undefined; agent: string | undefined; accept: string | undefined }[] = []
  let release = (): void => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const app = createServer((message, response) => {
    const { url, headers } = message
    seen.push({ url, agent: headers['user-agent'], accept: headers.accept })
    if (url === '/moved') response.writeHead(302, { location: '/broken' })
    else response.statusCode = url === '/broken' ? 500 : 200
    void (url === '/slow' ? held : Promise.resolve()).then(() => response.end())
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  const address = app.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const probe = (path: string): AppProbe => ({
    httpGet: { path, port, scheme: 'HTTP', httpHeaders: [] },
    timeoutSeconds: 60,
  })
  const probes = new Map([
    ['/app-health/web/readyz', probe('up')],
    ['/app-health/web/livez', probe('/moved')],
    ['/app-health/web/startupz', probe('/slow')],
  ])
  const handler = appProbeHandler(probes, '127.0.0.1')
  let asked = 0
  let allAsked = (): void => {}
  const eight = new Promise<void>((resolve) => (allAsked = resolve))
  const base = await serve(t, (url, message) => {
    if (++asked === 8) allAsked()
    return handler(url, message)
  })
  const kubelet = { headers: { 'user-agent': 'kube-probe/1.31' } }
  t.equal((await get(`${base}/app-health/web/readyz`, kubelet)).status, 200)
  t.strictSame(seen, [{ url: '/up', agent: 'kube-probe/1.31', accept: '*/*' }])
  t.match(await get(`${base}/app-health/web/livez`, kubelet), { status: 503, text: /answered 500/ })
  seen.length = 0
  asked = 0
  const all = Array.from({ length: 8 }, () => get(`${base}/app-health/web/startupz`))
  await eight
  release()
  for (const { status } of await Promise.all(all)) t.equal(status, 200)
  t.equal(seen.length, 1)
  t.match(seen[0], { agent: /^kube-probe\// }, 'whoever asks')
})
