import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { Watched } from '../core/watched.ts'
import { noTelemetry } from './exchange/telemetry-sink.ts'
import type { Cluster } from './model/cluster.ts'
import type { HealthCheck } from './model/health-check.ts'
import { Runtime } from './runtime.ts'
import { TestConfiguration } from './testing/static-configuration.ts'

const CHECK = {
  timeoutMs: 30_000,
  intervalMs: 5,
  noTrafficIntervalMs: 5,
  unhealthyIntervalMs: 5,
  jitterMs: 0,
  unhealthyThreshold: 1,
  healthyThreshold: 1,
}

/** A proxy that asks `server` so; gives what it says of it, once that is as wanted. */
async function asked(t: Test, server: Server, probe: HealthCheck['probe'], change: Partial<Cluster> = {}) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const configuration = new TestConfiguration()
  const { port } = server.address() as AddressInfo
  configuration.setCluster('app', [port], { healthCheck: { ...CHECK, probe }, ...change })
  const runtime = new Runtime({
    configuration,
    secrets: new Watched(undefined),
    readSpiffeId: () => ({ ok: false, reason: 'no mesh in this test' }),
    telemetry: noTelemetry,
    originalDestination: undefined,
    ownAddresses: [],
  })
  t.teardown(() => {
    runtime.close()
    server.close()
  })
  const [state] = runtime.clusters.get('app').states.values()
  return async (wanted: RegExp): Promise<void> => {
    while (!wanted.test(state?.health.said['active-check'] ?? '')) await new Promise(setImmediate)
    t.equal(state?.health.standing, wanted.source.includes('good') ? 'use' : 'last-resort')
  }
}

t.test('HTTP, on real sockets', async (t) => {
  let status = 204
  const seen = new Set<string>()
  const server = createServer((request, response) => {
    seen.add(`${request.method} ${request.headers.host}${request.url} ${request.headers['user-agent']}`)
    response.writeHead(status).end()
  })
  const probe = {
    kind: 'http',
    method: 'HEAD',
    host: 'shop',
    path: '/healthz?a',
    expected: [[200, 300]],
  } as const
  const until = await asked(t, server, probe)
  await until(/good, .*: status 204/)
  status = 500
  await until(/bad, .*: status 500/)
  status = 200
  await until(/good, .*: status 200/)
  server.close()
  server.closeAllConnections()
  await until(/bad, .*ECONNREFUSED/)
  t.same([...seen], ['HEAD shop/healthz?a weft-health-check'])
})

t.test("gRPC's health service, on real sockets", async (t) => {
  let status = 1
  const asks = new Set<string>()
  const server = createHttp2Server()
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('end', () => {
      asks.add(`${headers[':path']} ${Buffer.concat(chunks).toString('hex')}`)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]))
    })
  })
  const until = await asked(t, server, { kind: 'grpc', service: 'a', authority: 'shop' }, { http: 'http2' })
  await until(/good, .*: SERVING/)
  status = 2
  await until(/bad, .*: NOT_SERVING/)
  t.same([...asks], ['/grpc.health.v1.Health/Check 00000000030a0161'])
})

t.test('a connection, on real sockets', async (t) => {
  const server = createTcpServer((socket) => void socket.on('error', () => {}).resume())
  const until = await asked(t, server, { kind: 'tcp' })
  await until(/good, .*: connected/)
  server.close()
  await until(/bad, .*ECONNREFUSED/)
})
