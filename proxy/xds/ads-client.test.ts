import { createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { Client, credentials, Metadata, ServerCredentials, status } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { freePort } from '../../core/testing/free-ports.ts'
import { createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { ManualClock, type Clock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { CLUSTER, ENDPOINT, LISTENER, ROUTE } from '../../core/xds/type-urls.ts'
import { openControlPlane } from '../identity/control-plane-client.ts'
import { DiscoveryServer, until, type DiscoveryStream } from '../testing/discovery-server.ts'
import {
  broken,
  clusterOf,
  endpointsAt,
  listenerTo,
  tcpListenerTo,
  withUnknownField,
} from '../testing/wire-resources.ts'
import { createAdsClient, type AdsClientOptions } from './ads-client.ts'
import { ResourceTable } from './resource-table.ts'

const NODE = { id: 'web-1.shop', cluster: 'shop' }
const INBOUND = { kind: 'listener', name: 'inbound' } as const

interface Setting extends Partial<AdsClientOptions> {
  readonly port?: number
  /** Of the table alone. */
  readonly tableClock?: Clock
  readonly pinned?: readonly (typeof INBOUND)[]
}

async function setUp(t: Test, { tableClock, pinned = [INBOUND], port, ...setting }: Setting = {}) {
  const server = new DiscoveryServer()
  const at = port ?? (await server.start(await freePort()))
  const lines: string[] = []
  const table = new ResourceTable({ pinned, ...(tableClock && { clock: tableClock }) })
  const client = createAdsClient({
    table,
    node: NODE,
    open: async () => ({
      client: new Client(`127.0.0.1:${at}`, credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
      }),
      metadata: new Metadata(),
    }),
    log: createLogger('proxy', 'debug', (line) => lines.push(line)),
    ...setting,
  })
  t.teardown(() => {
    client.close()
    server.kill()
  })
  const stream = async (index: number): Promise<DiscoveryStream> => {
    await until(() => server.streams.length > index)
    const found = server.streams[index]
    if (!found) throw new Error('unreachable')
    return found
  }
  return { server, table, client, lines, stream, port: at }
}

/** The requests of a stream, without what each of them leaves empty. */
function seen({ requests }: DiscoveryStream): unknown[] {
  return requests.map((request) =>
    Object.fromEntries(
      Object.entries(request).filter(
        ([, value]) => value !== '' && Object.keys((value as object | undefined) ?? {}).length > 0,
      ),
    ),
  )
}

t.test('names of one turn go in one request a kind, the node in the first alone', async (t) => {
  const { table, client, stream } = await setUp(t)
  table.cluster('before')
  client.start()
  const first = await stream(0)
  await until(() => first.requests.length >= 2)
  t.match(first.requests[0]?.node, NODE)
  table.listener('outbound/10.0.0.1:80')
  table.listener('outbound/10.0.0.2:80')
  table.listener('outbound/10.0.0.3:80')
  table.route('r')
  await until(() => first.requests.length >= 4)
  const [, ...rest] = seen(first)
  t.strictSame(rest, [
    { typeUrl: LISTENER, resourceNamesSubscribe: ['inbound'] },
    {
      typeUrl: LISTENER,
      resourceNamesSubscribe: ['outbound/10.0.0.1:80', 'outbound/10.0.0.2:80', 'outbound/10.0.0.3:80'],
    },
    { typeUrl: ROUTE, resourceNamesSubscribe: ['r'] },
  ])
  t.match(first.requests[0], { typeUrl: CLUSTER, resourceNamesSubscribe: ['before'] })
})

t.test('an answer is taken, acknowledged by its nonce, and leads to the next names', async (t) => {
  let changes = 0
  const { table, client, stream, lines } = await setUp(t, { changed: () => changes++ })
  client.start()
  const first = await stream(0)
  await until(() => first.requests.length === 1)
  t.equal(client.connected.value, false, 'an open stream is no answer')
  const nonce = first.send({
    typeUrl: LISTENER,
    systemVersionInfo: '7',
    resources: [tcpListenerTo('inbound', 'c', 'v1')],
  })
  await until(() => first.requests.length === 3)
  const [, ...rest] = seen(first)
  t.strictSame(rest, [
    { typeUrl: LISTENER, responseNonce: nonce },
    { typeUrl: CLUSTER, resourceNamesSubscribe: ['c'] },
  ])
  t.match(table.listener('inbound').value, { name: 'inbound' })
  t.strictSame([client.connected.value, client.problem, table.version, changes], [true, '', '7', 1])
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { message: 'connected to the control plane', version: '7' })
})

t.test('nothing is asked for by accident', async (t) => {
  const clock = new ManualClock()
  const { table, client, stream, lines } = await setUp(t, { tableClock: clock, pinned: [] })
  table.route('r')
  client.start()
  const first = await stream(0)
  await until(() => first.requests.length === 1)
  // Wanted and given up in one turn, of a kind that nothing else was asked of.
  table.cluster('c')
  clock.advance(3_600_000)
  table.collect()
  // Nobody asked for clusters: an answer to this would be a first request without names.
  first.send({ typeUrl: CLUSTER, resources: [clusterOf('x', 'y')] })
  first.send({ typeUrl: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret' })
  await until(() => lines.filter((line) => line.includes('was not asked for')).length === 2)
  table.endpoints('e')
  await until(() => seen(first).some((one) => (one as { typeUrl: string }).typeUrl === ENDPOINT))
  const asked = new Set<string>()
  for (const { typeUrl = '', resourceNamesSubscribe } of first.requests) {
    if (!asked.has(typeUrl))
      t.ok(resourceNamesSubscribe?.length, `the first request for ${typeUrl} names something`)
    asked.add(typeUrl)
  }
  t.notOk(asked.has(CLUSTER))
  t.strictSame(seen(first).at(-2), { typeUrl: ROUTE, resourceNamesUnsubscribe: ['r'] })
})

t.test('what cannot be read is refused by its field, in few words, and the rest is taken', async (t) => {
  const { table, client, stream, lines } = await setUp(t)
  const names = Array.from({ length: 300 }, (_, i) => `outbound/10.0.0.${i}:80`)
  for (const name of names) table.listener(name)
  client.start()
  const first = await stream(0)
  const nonce = first.send({
    typeUrl: LISTENER,
    systemVersionInfo: '1',
    resources: [
      ...names.map((name) => broken(listenerTo(name, 'r'))),
      { ...clusterOf('inbound', 'e'), name: 'inbound' },
    ],
  })
  await until(() => first.requests.length === 2)
  const refused = first.requests[1]
  t.match(refused, {
    typeUrl: LISTENER,
    responseNonce: nonce,
    errorDetail: { code: status.INVALID_ARGUMENT },
  })
  const message = refused?.errorDetail?.message ?? ''
  t.match(message, /^outbound\/10\.0\.0\.0:80: /)
  t.ok(message.length <= 2100, `${message.length} characters`)
  t.ok((lines.at(-1)?.length ?? 0) < 3000, 'nor does the log fill up')
  t.equal(table.version, '')

  const again = first.send({
    typeUrl: LISTENER,
    systemVersionInfo: '2',
    resources: [withUnknownField(listenerTo('outbound/10.0.0.1:80', 'r')), tcpListenerTo('inbound', 'c')],
  })
  await until(() => first.requests.some(({ responseNonce }) => responseNonce === again))
  t.match(
    first.requests.find(({ responseNonce }) => responseNonce === again)?.errorDetail?.message,
    /^outbound\/10\.0\.0\.1:80: .*reuse_port/,
  )
  t.match(table.listener('inbound').value, { name: 'inbound' }, 'the others of the response are in force')
})

t.test('a stream that ended is opened again with what is held, and names are given up', async (t) => {
  const clock = new ManualClock()
  const { table, client, stream, lines } = await setUp(t, { tableClock: clock })
  table.endpoints('a')
  table.endpoints('b')
  client.start()
  const first = await stream(0)
  first.send({
    typeUrl: ENDPOINT,
    resources: [endpointsAt('a', ['10.1.0.1'], 'va')],
    removedResources: ['b'],
  })
  await until(() => client.connected.value)
  first.end()
  const second = await stream(1)
  await until(() => second.requests.length === 2)
  t.equal(client.connected.value, false)
  t.match(second.requests[0]?.node, NODE, 'a new stream says who it is')
  t.match(second.requests[0], {
    typeUrl: ENDPOINT,
    resourceNamesSubscribe: ['a', 'b'],
    initialResourceVersions: { a: 'va' },
  })
  t.notOk('b' in (second.requests[0]?.initialResourceVersions ?? {}), 'what is not there has no version')
  t.notOk(
    lines.some((line) => line.includes('"warn"')),
    'a server that asks its clients to come back is not away',
  )
  second.send({ typeUrl: ENDPOINT })
  await until(() => client.connected.value)
  clock.advance(3_600_000)
  table.endpoints('b')
  t.equal(table.collect({ connected: client.connected.value }), 1)
  await until(() => second.requests.length === 4)
  t.strictSame(seen(second).at(-1), { typeUrl: ENDPOINT, resourceNamesUnsubscribe: ['a'] })
})

t.test('a server that comes back on its port converges the table', async (t) => {
  const { server, table, client, stream, port } = await setUp(t)
  client.start()
  const first = await stream(0)
  first.send({ typeUrl: LISTENER, resources: [tcpListenerTo('inbound', 'c', 'v1')] })
  await until(() => table.listener('inbound').value !== undefined)
  const before = table.listener('inbound').value
  server.kill()
  await until(() => !client.connected.value && client.problem !== '')
  t.equal(table.listener('inbound').value, before, 'what was said goes on')
  table.listener('outbound/10.0.0.1:80')
  await server.start(port)
  const second = await stream(1)
  await until(() => second.requests.length === 2)
  t.match(second.requests[1], {
    resourceNamesSubscribe: ['inbound', 'outbound/10.0.0.1:80'],
    initialResourceVersions: { inbound: 'v1' },
  })
  second.send({
    typeUrl: LISTENER,
    resources: [tcpListenerTo('inbound', 'other', 'v2')],
    removedResources: ['outbound/10.0.0.1:80'],
  })
  await until(() => table.listener('outbound/10.0.0.1:80').value === null)
  t.match(table.listener('inbound').value, {
    defaultFilterChain: { network: { clusters: [{ cluster: 'other' }] } },
  })
  t.equal(client.connected.value, true)
})

/** Waits of the client for its next try, which pass at once when the test says so. */
class Retries extends ManualClock {
  readonly waits: number[] = []

  override after(ms: number, task: () => void): () => void {
    if (ms <= 5000) this.waits.push(ms)
    return super.after(ms, task)
  }

  async next(): Promise<void> {
    const before = this.waits.length
    this.advance(this.waits.at(-1) ?? 0)
    await until(() => this.waits.length > before)
  }
}

t.test('a refusal is logged once for each reason, and tried again with growing waits', async (t) => {
  const clock = new Retries()
  const { server, client, lines } = await setUp(t, { clock, random: () => 1 })
  let refuse = (stream: DiscoveryStream) => stream.fail(status.UNAUTHENTICATED, 'the token has expired')
  server.onStream = (stream) => refuse(stream)
  client.start()
  await until(() => clock.waits.length === 1)
  for (let i = 0; i < 7; i++) await clock.next()
  t.strictSame(clock.waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000])
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'warn',
    reason: '16 UNAUTHENTICATED: the token has expired',
    retryInMs: 100,
  })
  t.equal(client.problem, '16 UNAUTHENTICATED: the token has expired')

  refuse = (stream) => stream.fail(status.PERMISSION_DENIED, 'not of this mesh')
  await clock.next()
  await clock.next()
  t.equal(lines.length, 2)
  t.match(lines[1], 'PERMISSION_DENIED')

  refuse = (stream) => void stream.send({ typeUrl: LISTENER, removedResources: ['inbound'] })
  clock.advance(5000)
  await until(() => client.connected.value)
  t.equal(client.problem, '')
  refuse = (stream) => stream.fail(status.UNAUTHENTICATED, 'the token has expired')
  server.streams.at(-1)?.end()
  await until(() => clock.waits.length === 11)
  t.equal(clock.waits.at(-1), 100, 'an answer begins the waits anew')
})

t.test('a server that is not there is logged once, whatever moment its errors name', async (t) => {
  const clock = new Retries()
  const { client, lines } = await setUp(t, { clock, port: 1 })
  client.start()
  await until(() => clock.waits.length === 1)
  for (let i = 0; i < 3; i++) await clock.next()
  t.equal(lines.length, 1, lines.join(''))
  t.match(lines[0], 'ECONNREFUSED')
})

t.test('a server that takes connections and says nothing is given up', async (t) => {
  const accepted: Socket[] = []
  const mute = createServer((socket) => void accepted.push(socket.on('error', () => {}).resume()))
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    mute.close()
    for (const socket of accepted) socket.destroy()
  })
  const clock = new Retries()
  const { client } = await setUp(t, { clock, port: (mute.address() as AddressInfo).port })
  client.start()
  await until(() => accepted.length === 1)
  clock.advance(60_000)
  await until(() => client.problem !== '')
  t.equal(client.problem, 'no connection within 60 s')
  await until(() => clock.waits.length === 1)
})

t.test('the token of the moment goes with each try, and is never logged', async (t) => {
  const directory = t.testdir({})
  const root = createRoot('cluster.local', Date.now())
  const key = generateKey()
  const { chain } = issueServer(root, {
    dnsNames: ['control-plane.test'],
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  const server = new DiscoveryServer()
  const port = await server.start(
    0,
    ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(certificatesPem(chain)), private_key: Buffer.from(privateKeyPem(key)) },
    ]),
  )
  t.teardown(() => server.kill())
  const paths = { tokenPath: join(directory, 'token'), caBundlePath: join(directory, 'roots.pem') }
  writeFileSync(paths.caBundlePath, root.certificate.toString())
  const clock = new Retries()
  const { client, lines } = await setUp(t, {
    clock,
    open: () =>
      openControlPlane({ address: `127.0.0.1:${port}`, serverName: 'control-plane.test', ...paths }),
  })
  server.onStream = (stream) => {
    if (String(stream.metadata.get('authorization')) !== 'Bearer new.token')
      stream.fail(status.UNAUTHENTICATED, 'the token has expired')
  }
  client.start()
  await until(() => clock.waits.length === 1)
  t.match(client.problem, /token .* is not there or empty/)
  // grpc-js would quote this one.
  writeFileSync(paths.tokenPath, 'half.of\na.token')
  await clock.next()
  t.match(client.problem, /token .* holds what no token may/)
  writeFileSync(paths.tokenPath, 'old.token\n')
  await clock.next()
  t.match(client.problem, /UNAUTHENTICATED/)
  writeFileSync(paths.tokenPath, 'new.token\n')
  clock.advance(5000)
  await until(() => server.streams.length === 2)
  server.streams[1]?.send({ typeUrl: LISTENER, removedResources: ['inbound'] })
  await until(() => client.connected.value)
  t.strictSame(
    server.streams.map(({ metadata }) => metadata.get('authorization')),
    [['Bearer old.token'], ['Bearer new.token']],
  )
  t.notMatch(lines.join(''), /half\.of|old\.token|new\.token/)
})

t.test('close leaves nothing open, at whatever moment', async (t) => {
  const { server, client, stream } = await setUp(t)
  client.start()
  const first = await stream(0)
  first.send({ typeUrl: LISTENER, removedResources: ['inbound'] })
  await until(() => client.connected.value)
  client.close()
  t.equal(client.connected.value, false)
  await server.deserted()
  t.pass('the server has no connection left')

  const clock = new Retries()
  const retrying = await setUp(t, { clock, port: 1 })
  retrying.client.start()
  await until(() => clock.waits.length === 1)
  retrying.client.close()
  clock.advance(60_000)
  t.equal(clock.waits.length, 1, 'no try after it')

  const late = Promise.withResolvers<{ client: Client; metadata: Metadata }>()
  const opening = await setUp(t, { open: () => late.promise })
  opening.client.start()
  opening.client.close()
  const unwanted = new Client('127.0.0.1:1', credentials.createInsecure())
  let closed = false
  unwanted.close = () => void (closed = true)
  late.resolve({ client: unwanted, metadata: new Metadata() })
  await until(() => closed)
})
