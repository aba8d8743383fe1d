import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, createServer, request, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Watched } from '../../core/watched.ts'
import { noTelemetry, type RequestRecord } from '../exchange/telemetry-sink.ts'
import { Runtime } from '../runtime.ts'
import { newRoot, secretsOf } from '../testing/mesh-identity.ts'
import { readBootstrap, type ProxyBootstrap } from './bootstrap.ts'
import { createStaticConfiguration } from './configuration.ts'
import { example, replaced } from './testing/examples.ts'

// Examples of docs/bootstrap.md, on free ports and with certificates of this test.

const NO_PORT = 'port_value: 0'
const CALLER = 'spiffe://cluster.local/ns/shop/sa/caller'
const CATALOG = 'spiffe://cluster.local/ns/shop/sa/catalog'

function read(text: string): ProxyBootstrap {
  const result = readBootstrap(text, { fileName: 'example.yaml' })
  if (!result.ok) throw new Error(result.problems.join('\n'))
  return result.bootstrap
}

async function run(t: Test, text: string, listener: string) {
  const records: RequestRecord[] = []
  const runtime = new Runtime({
    configuration: createStaticConfiguration(read(text)),
    secrets: new Watched(undefined),
    readSpiffeId: () => ({ ok: false, reason: 'not in a mesh' }),
    telemetry: { ...noTelemetry, requestFinished: (record) => void records.push({ ...record }) },
    originalDestination: undefined,
    ownAddresses: [],
  })
  await runtime.bindListeners((error) => t.fail(String(error)))
  t.teardown(() => runtime.close())
  return { port: runtime.boundPort(listener) ?? 0, records }
}

async function app(t: Test, answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0)
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

function get(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
  const agent = new Agent()
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, agent, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
      .on('error', reject)
      .end()
  }).finally(() => agent.destroy()) as Promise<{ status: number; text: string }>
}

t.test('the HTTP proxy splits and answers by itself', async (t) => {
  const [v1, v2] = [
    await app(t, (_, response) => response.end('v1')),
    await app(t, (_, response) => response.end('v2')),
  ]
  const text = replaced(example('http-proxy.yaml'), {
    'port_value: 8080': NO_PORT,
    'port_value: 9001': `port_value: ${v1}`,
    'port_value: 9002': `port_value: ${v2}`,
  })
  t.same(read(text).admin, { host: '127.0.0.1', port: 15000 })
  const { port } = await run(t, text, 'front')
  const answers: string[] = []
  for (let i = 0; i < 10; i++) answers.push((await get(port, '/catalog/shoes')).text)
  t.same(answers.toSorted(), [...Array.from({ length: 9 }, () => 'v1'), 'v2'])
  t.match(await get(port, '/catalogue'), { status: 404, text: 'no such shop' })
})

t.test('requests are limited and disturbed by filters, in their order', async (t) => {
  const text = replaced(example('filters.yaml'), {
    'port_value: 8080': NO_PORT,
    'max_connections: 2': 'max_connections: 100',
    'fill_interval: 1s': 'fill_interval: 600s',
    'numerator: 50': 'numerator: 100',
  })
  const { port, records } = await run(t, text, 'front')
  t.match(await get(port, '/', { 'x-fault': 'a' }), { status: 503, text: 'fault filter abort' })
  t.ok((records[0]?.durationMs ?? 0) > 90, 'after its delay')
  t.match(await get(port, '/slow'), { status: 200, text: 'slow' })
  t.match(await get(port, '/slow'), { status: 429, text: 'local_rate_limited' })
  const statuses: number[] = []
  for (let i = 0; i < 6; i++) statuses.push((await get(port, '/')).status)
  t.same(statuses, [200, 200, 200, 200, 200, 429], 'neither a fault nor /slow counts')
})

t.test('connections are limited by a filter', async (t) => {
  const { port } = await run(t, replaced(example('filters.yaml'), { 'port_value: 8080': NO_PORT }), 'front')
  for (let i = 0; i < 2; i++) {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
  }
  await t.rejects(get(port, '/'), { code: 'ECONNRESET' }, 'the third')
})

t.test('two proxies speak HTTP/2 over mutual TLS', async (t) => {
  const folder = t.testdir({})
  const root = newRoot()
  for (const name of ['caller', 'catalog', 'stranger']) {
    const secrets = secretsOf(root, name)
    writeFileSync(join(folder, `${name}.crt`), secrets.certificatePem)
    writeFileSync(join(folder, `${name}.key`), secrets.privateKeyPem)
    writeFileSync(join(folder, 'ca.crt'), secrets.bundlePem)
  }
  const answering = await app(t, (message, response) =>
    response.end(`caller ${String(message.headers['x-forwarded-client-cert'])}`),
  )
  const inbound = await run(
    t,
    replaced(example('application.yaml'), {
      '/etc/weft/tls': folder,
      'port_value: 8443': NO_PORT,
      'port_value: 9000': `port_value: ${answering}`,
    }),
    'inbound',
  )
  const caller = replaced(example('caller.yaml'), {
    '/etc/weft/tls': folder,
    'port_value: 8080': NO_PORT,
    'port_value: 8443': `port_value: ${inbound.port}`,
  })
  const outbound = await run(t, caller, 'outbound')
  t.same(await get(outbound.port, '/'), { status: 200, text: `caller URI=${CALLER}` })
  t.match(inbound.records[0], { sourceIdentity: CALLER, protocol: 'HTTP/2' })
  t.match(outbound.records[0], { destinationIdentity: CATALOG, protocol: 'HTTP/1.1' })

  const stranger = await run(t, replaced(caller, { '/caller.': '/stranger.' }), 'outbound')
  t.equal((await get(stranger.port, '/')).status, 503, 'another identity is not let in')
  const mistaken = await run(t, replaced(caller, { 'sa/catalog': 'sa/orders' }), 'outbound')
  t.equal((await get(mistaken.port, '/')).status, 503, 'and nothing is sent to another one')
  t.equal(inbound.records.length, 1)
})

t.test('the control plane and the node are told', async (t) => {
  const folder = t.testdir({ 'ca.crt': newRoot().certificate.toString() })
  const host = 'weft-control-plane.weft-system.svc'
  t.match(read(replaced(example('dynamic.yaml'), { '/etc/weft/tls': folder })), {
    node: {
      id: 'catalog-7d9f.shop',
      cluster: 'catalog.shop',
      metadata: { NAMESPACE: 'shop' },
      locality: { region: 'west', zone: 'west-1', subZone: '' },
    },
    admin: { host: '127.0.0.1', port: 15000 },
    static: { listeners: [], clusters: [{ name: 'control-plane', http: 'http2' }] },
    dynamic: {
      adsCluster: 'control-plane',
      address: { host, port: 15012 },
      tls: {
        sni: host,
        certificate: undefined,
        validation: { subjectAltNames: [{ type: 'dns', match: 'exact', value: host }] },
      },
      connectTimeoutMs: 1000,
      apiType: 'delta_grpc',
      listeners: true,
      clusters: true,
    },
  })
})
