import { createServer as createHttpServer, request } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { Watched } from '../../core/watched.ts'
import type { CounterName } from '../model/counters.ts'
import { Runtime } from '../runtime.ts'
import { CLUSTER, forwardTo, TestConfiguration } from '../testing/static-configuration.ts'
import { MOST_MIRRORED_BYTES } from './mirror-room.ts'
import { noTelemetry } from './telemetry-sink.ts'
import { MemoryExchange } from './testing/memory-exchange.ts'

const MIRROR = { mirrors: [{ cluster: 'shadow', percent: 100, shadowSuffix: false }] }

async function listening(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A proxy whose requests go to an application and, as copies, to `shadow`, and what it counted. */
async function mirrored(t: Test, shadowPort: number) {
  const app = createHttpServer((message, response) => {
    let bytes = 0
    message.on('data', (chunk: Buffer) => (bytes += chunk.length))
    message.on('end', () => response.end(String(bytes)))
  })
  const appPort = await listening(t, app)
  t.teardown(() => app.closeAllConnections())
  const configuration = new TestConfiguration()
  configuration.setCluster('app', [appPort])
  const limits = { maxConnections: 1000, maxPendingRequests: 1000, maxRequests: 1000 }
  configuration.setCluster('shadow', [shadowPort], { limits })
  // Copies have the time of the route: none is given up while the test runs.
  configuration.setRoutes([forwardTo({ app: 1 }, { ...MIRROR, timeoutMs: 600_000 })])
  const counts = new Map<CounterName, number>()
  const runtime = new Runtime({
    configuration,
    secrets: new Watched(undefined),
    readSpiffeId: () => ({ ok: false, reason: 'no mesh in this test' }),
    telemetry: { ...noTelemetry, count: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1) },
    originalDestination: undefined,
    ownAddresses: [],
  })
  await runtime.bindListeners((error) => t.fail(String(error)))
  t.teardown(() => runtime.close())
  const port = runtime.boundPort('front')
  const post = (body: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ port, host: '127.0.0.1', method: 'POST' }, (response) => {
        let text = `${response.statusCode} `
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () => resolve(text))
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  return { post, counts }
}

t.test('a mirror that reads nothing holds back no answer, and takes no more than its room', async (t) => {
  const sockets = new Set<Socket>()
  const silent = createServer(
    { pauseOnConnect: true },
    (socket) => void sockets.add(socket.on('error', () => {})),
  )
  const { post, counts } = await mirrored(t, await listening(t, silent))
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()))
  t.equal(await post(Buffer.alloc(0)), '200 0')
  t.equal(await post(Buffer.alloc(20 * 1024 * 1024)), `200 ${20 * 1024 * 1024}`)
  t.equal(counts.get('mirror_body_too_large'), 1)
  const body = Buffer.alloc(60 * 1024)
  const fitting = Math.floor(MOST_MIRRORED_BYTES / body.length)
  for (let i = 0; i < fitting + 40; i++) t.equal(await post(body), `200 ${body.length}`)
  t.equal(counts.get('mirror_overflow'), 40)
})

t.test('a mirror that nobody listens for is no matter of the original', async (t) => {
  const gone = createServer()
  const port = await listening(t, gone)
  gone.close()
  await once(gone, 'close')
  const { post, counts } = await mirrored(t, port)
  for (let i = 0; i < 5; i++) t.equal(await post(Buffer.alloc(1000)), '200 1000')
  while ((counts.get('mirror_failed') ?? 0) < 5) await new Promise((resolve) => setImmediate(resolve))
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** `/app` goes to one cluster with a copy to another, where `/shadow` goes itself. */
function shared() {
  const mesh = new MemoryExchange()
  const to = (path: string, route: ReturnType<typeof forwardTo>) => ({
    ...route,
    match: { ...route.match, path: { kind: 'prefix', value: path, caseSensitive: true } as const },
  })
  mesh.setRoutes([to('/app', forwardTo({ app: 1 }, MIRROR)), to('/shadow', forwardTo({ shadow: 1 }))])
  mesh.upstream.configuration.setCluster('app', [1])
  mesh.upstream.configuration.setCluster('shadow', [2], { limits: { ...CLUSTER.limits, maxRequests: 10 } })
  mesh.upstream.server(1).onStream = (stream) => stream.respond(200)
  return mesh
}

t.test(
  'copies that hang leave half of a cluster to its own requests, and their room to others',
  async (t) => {
    const mesh = shared()
    for (let i = 0; i < 20; i++) t.equal(answered(mesh, '/app'), 200)
    await turn()
    mesh.clock.advance(0)
    const shadow = mesh.upstream.server(2)
    t.equal(shadow.streams.length, 5)
    t.equal(mesh.counts.filter((name) => name === 'mirror_overflow').length, 15)
    for (let i = 0; i < 5; i++) t.equal(answered(mesh, '/shadow'), undefined, 'it is on its way')
    t.equal(shadow.streams.length, 10)
    mesh.clock.advance(15_000)
    t.equal(answered(mesh, '/app'), 200)
    await turn()
    mesh.clock.advance(0)
    t.equal(shadow.streams.length, 11, 'who is given up makes room')
  },
)

t.test('an answer that does not end is not read for ever', async (t) => {
  const mesh = shared()
  t.equal(answered(mesh, '/app'), 200)
  await turn()
  mesh.clock.advance(0)
  const { stream } = mesh.upstream.server(2)
  stream.sendHead(200)
  const chunk = 'x'.repeat(64 * 1024)
  for (let i = 0; i < 16; i++) stream.sendData(chunk)
  t.equal(stream.resetBy, undefined)
  stream.sendData(chunk)
  t.equal(stream.resetBy, 'cancel')
  t.same(mesh.counts, ['mirror_sent'])
  t.equal(mesh.leftovers.active, 0)
})

function answered(mesh: MemoryExchange, path: string): number | undefined {
  const caller = mesh.send({ path })
  mesh.clock.advance(0)
  return caller.status
}
