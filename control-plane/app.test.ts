import type { Problem } from '../core/problem.ts'
import { once } from 'node:events'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { Client, credentials, Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { openCaStore } from '../certs/ca-store.ts'
import { createCsr } from '../certs/csr.ts'
import { generateKey } from '../certs/key.ts'
import { WeftError } from '../core/errors.ts'
import { createLogger } from '../core/log.ts'
import { RouteConfiguration, type DeltaDiscoveryResponse } from '../core/xds/generated/envoy.js'
import { Signing, type SignResponse } from '../core/xds/generated/weft.js'
import { startControlPlane, type ControlPlaneOptions, type RunningControlPlane } from './app.ts'
import { manifestsPlatform } from './platform/manifests.ts'
import { readQuotas } from './quotas.ts'
import { DeltaStream } from './serve/ads/testing/delta-stream.ts'
import { openTokenIssuer } from './serve/tokens/issuer.ts'

const NAME = 'weft-control-plane.weft-system.svc'
const LOOPBACK = { host: '127.0.0.1', port: 0 }
const ROUTE = 'shop/catalog/80'

const SERVICES = ['catalog', 'catalog-v2']
  .map(
    (name, at) => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.96.0.${at + 1}, ports: [{ name: http, port: 80 }] }
`,
  )
  .join('---\n')

const routeOf = (one: number | string, two: number) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: catalog }]
  rules:
    - backendRefs:
        - { name: catalog, port: 80, weight: ${one} }
        - { name: catalog-v2, port: 80, weight: ${two} }
`

async function setUp(t: Test) {
  // Before testdir: only then the directory goes after what uses it.
  t.teardown(() => {})
  const directory = t.testdir({
    manifests: { 'services.yaml': SERVICES, 'route.yaml': routeOf(90, 10) },
  })
  const lines: string[] = []
  const tokenKeyDirectory = join(directory, 'tokens')
  mkdirSync(tokenKeyDirectory)
  const issuer = await openTokenIssuer({ directory: tokenKeyDirectory })
  const caDirectory = join(directory, 'ca')
  const platform = (manifests: readonly string[]) =>
    manifestsPlatform({ manifests, issuer: { kind: 'own', caDirectory }, tokenKeyDirectory, caRefreshMs: 20 })
  const options: ControlPlaneOptions = {
    platform: platform([join(directory, 'manifests')]),
    trustDomain: 'cluster.local',
    dnsNames: [NAME],
    grpc: LOOPBACK,
    grpcPlaintext: undefined,
    http: LOOPBACK,
    samplingPercent: 1,
    drainMs: 60_000,
    dashboard: new Map(),
    log: createLogger('control-plane', 'debug', (line) => lines.push(line)),
  }
  const mint = (audience = 'weft', ttlMs = 60_000) =>
    issuer.mint(
      { namespace: 'shop', serviceAccount: { name: 'web', uid: 'u' }, pod: { name: 'web-1', uid: 'p' } },
      { audience, ttlMs },
    )
  const ca = openCaStore({ directory: caDirectory, trustDomain: 'cluster.local' })
  // As an editor does it: nobody sees half a file.
  const write = (file: string, text: string): void => {
    writeFileSync(join(directory, 'new'), text)
    renameSync(join(directory, 'new'), join(directory, 'manifests', file))
  }
  return { options, platform, lines, mint, ca, write }
}

async function start(t: Test, more: Partial<ControlPlaneOptions> = {}) {
  const world = await setUp(t)
  const running = await startControlPlane({ ...world.options, ...more })
  t.teardown(() => running.close())
  const client = clientOf(t, running, world.ca.authority.value.bundle.pem)
  const open = async (token?: string) => new DeltaStream(client, bearer(token ?? (await world.mint())))
  return { ...world, running, client, open }
}

function clientOf(t: Test, { grpcPort }: RunningControlPlane, roots: string): Client {
  const client = new Client(`127.0.0.1:${grpcPort}`, credentials.createSsl(Buffer.from(roots)), {
    'grpc.ssl_target_name_override': NAME,
  })
  t.teardown(() => client.close())
  return client
}

function bearer(token: string): Metadata {
  const metadata = new Metadata()
  if (token !== '') metadata.set('authorization', `Bearer ${token}`)
  return metadata
}

const weights = ({ resources = [] }: DeltaDiscoveryResponse): (number | undefined)[] => {
  const [route] = resources
  const { virtualHosts = [] } = RouteConfiguration.decode(route?.resource?.value ?? new Uint8Array())
  return virtualHosts[0]?.routes?.[0]?.route?.weightedClusters?.clusters?.map(({ weight }) => weight) ?? []
}

async function get<T>(running: RunningControlPlane, path: string): Promise<T> {
  const { body } = await request(`http://127.0.0.1:${running.httpPort}${path}`)
  return (await body.json()) as T
}

/** Asks until the answer is as wanted; a test that waits in vain runs into its time limit. */
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
  }
}

t.test('600 idle connections shut nobody out of the API and the probes', async (t) => {
  const { running } = await start(t)
  const held: Socket[] = []
  t.teardown(() => held.forEach((socket) => socket.destroy()))
  for (let count = 0; count < 600; count++) {
    const socket = connectPlain(running.httpPort, '127.0.0.1').on('error', () => {})
    held.push(socket.resume())
    await once(socket, 'connect')
  }
  await until(
    () =>
      new Promise<number>((resolve) =>
        setImmediate(() => resolve(held.filter((socket) => socket.closed || socket.readableEnded).length)),
      ),
    (gone) => gone >= 600 - 64,
  )
  t.match(await get(running, '/ready'), { status: 'ready' })
})

t.test('who sends the next request to the API before the answer is let go', async (t) => {
  const { running } = await start(t)
  const socket = connectPlain(running.httpPort, '127.0.0.1').on('error', () => {})
  let answers = ''
  socket.on('data', (chunk) => (answers += String(chunk)))
  socket.write('GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(500))
  await new Promise((resolve) => socket.once('close', resolve))
  t.ok(answers.split('HTTP/1.1 200').length <= 2)
})

t.test('who cannot say who it is gets no configuration, and the reason', async (t) => {
  const { open, mint, lines, running } = await start(t)
  const refused = async (token: string): Promise<StatusObject> => {
    const stream = (await open(token)).ask('route', [ROUTE])
    return stream.ended
  }
  const secrets = [await mint('kubernetes'), await mint('weft', -60_000), await mint()]
  const [elsewhere = '', expired = '', good = ''] = secrets
  t.match(await refused(''), { code: status.UNAUTHENTICATED, details: /no credentials: send/ })
  t.match(await refused(elsewhere), {
    code: status.UNAUTHENTICATED,
    details: 'the token is not for audience "weft"',
  })
  t.match(await refused(expired), { code: status.UNAUTHENTICATED, details: /the token expired at .*: send/ })
  t.match(await refused(`${good.slice(0, -8)}AAAAAAAA`), {
    code: status.UNAUTHENTICATED,
    details: /signature/,
  })
  t.match(await get(running, '/api/proxies'), { proxies: [] })

  const stream = (await open(good)).ask('route', [ROUTE])
  t.strictSame(weights(await stream.next(`+route ${ROUTE}`)), [90, 10])
  t.match(await get(running, '/api/proxies'), { proxies: [{ pod: 'web-1', namespace: 'shop' }] })
  t.ok(lines.some((line) => line.includes('discovery stream refused')))
  for (const secret of secrets) {
    const signature = secret.slice(secret.lastIndexOf('.') + 1)
    t.notOk(lines.some((line) => line.includes(signature) || line.includes(secret.slice(0, 60))))
  }
  t.notOk(lines.some((line) => line.includes('PRIVATE')))
})

t.test('a certificate is signed for the identity of the token and no other', async (t) => {
  const { client, mint } = await start(t)
  const { path, requestSerialize, responseDeserialize } = Signing.sign
  const sign = async (uri: string): Promise<SignResponse> => {
    const metadata = bearer(await mint())
    const csr = createCsr(generateKey(), { uri: [uri] })
    return new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { csr },
        metadata,
        (error, answer) => (answer ? resolve(answer) : reject(error as ServiceError)),
      ),
    )
  }
  t.equal((await sign('spiffe://cluster.local/ns/shop/sa/web')).certificateChain?.length, 2)
  await t.rejects(sign('spiffe://cluster.local/ns/shop/sa/admin'), { code: status.PERMISSION_DENIED })
})

t.test('an edit of a manifest reaches every open stream', async (t) => {
  const { open, write } = await start(t)
  const streams = [(await open()).ask('route', [ROUTE]), (await open()).ask('route', [ROUTE])]
  for (const stream of streams) t.strictSame(weights(await stream.next(`+route ${ROUTE}`)), [90, 10])
  write('route.yaml', routeOf(50, 50))
  for (const stream of streams) t.strictSame(weights(await stream.next(`+route ${ROUTE}`)), [50, 50])
})

t.test('a mistake in a manifest is told with its place, and the last good state serves on', async (t) => {
  const { running, open, write, lines } = await start(t)
  const stream = (await open()).ask('route', [ROUTE])
  await stream.next(`+route ${ROUTE}`)
  write('route.yaml', routeOf('ninety', 10))
  const { problems } = await until(
    () => get<{ problems: Problem[] }>(running, '/api/problems'),
    (answer) => answer.problems.length > 0,
  )
  t.match(problems, [
    {
      file: /route\.yaml$/,
      line: 8,
      kind: 'HTTPRoute',
      name: 'catalog',
      field: 'spec.rules[0].backendRefs[0].weight',
      severity: 'error',
      message: 'must be an integer from 0 to 1,000,000, got "ninety"',
      remedy: 'write an integer from 0 to 1,000,000',
    },
  ])
  t.equal(lines.filter((line) => line.includes('backendRefs[0].weight')).length, 1, 'and logged once')
  const late = (await open()).ask('route', [ROUTE])
  t.strictSame(weights(await late.next(`+route ${ROUTE}`)), [90, 10])
  write('route.yaml', routeOf(60, 40))
  t.strictSame(weights(await stream.next(`+route ${ROUTE}`)), [60, 40], 'nothing was sent in between')
  t.strictSame((await get<{ problems: Problem[] }>(running, '/api/problems')).problems, [])
})

t.test('bytes that are no request end their stream and no other', async (t) => {
  const { open, write, running } = await start(t)
  const good = (await open()).ask('route', [ROUTE])
  await good.next(`+route ${ROUTE}`)
  const bad = (await open()).ask('route', [ROUTE])
  await bad.next(`+route ${ROUTE}`)
  bad.send(Buffer.from('ffffffffffff', 'hex'))
  t.equal((await bad.ended).code, status.INTERNAL)
  const first = await open()
  first.send(Buffer.from([0x0a, 0xff]))
  t.equal((await first.ended).code, status.INTERNAL)
  const unknown = await open()
  unknown.send({ typeUrl: 'type.googleapis.com/Thing' })
  t.match(await unknown.ended, {
    code: status.INVALID_ARGUMENT,
    details: /^type_url: "type.googleapis.com\/Thing"/,
  })
  write('route.yaml', routeOf(1, 1))
  t.strictSame(weights(await good.next(`+route ${ROUTE}`)), [1, 1])
  t.equal(
    (await get<{ proxies: unknown[] }>(running, '/api/proxies')).proxies.length,
    1,
    'nothing is left of them',
  )
})

t.test('a new CA changes the certificate of new connections, and open streams stay', async (t) => {
  const { running, ca, open, write } = await start(t)
  const stream = (await open()).ask('route', [ROUTE])
  await stream.next(`+route ${ROUTE}`)
  const fingerprint = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const { pem } = ca.authority.value.bundle
      const socket = connect({ port: running.grpcPort, host: '127.0.0.1', ca: pem, servername: NAME }, () => {
        const issuer = socket.getPeerX509Certificate()?.issuerCertificate
        socket.destroy()
        resolve(issuer?.fingerprint256 ?? '')
      })
      socket.on('error', reject)
    })
  const before = await fingerprint()
  t.not(before, '')
  ca.prepareRoot()
  ca.promoteRoot()
  await until(fingerprint, (now) => now !== before && now !== '')
  write('route.yaml', routeOf(1, 1))
  t.strictSame(weights(await stream.next(`+route ${ROUTE}`)), [1, 1])
})

t.test('what it cannot have is told by its flag, and nothing is left open', async (t) => {
  const { options, platform } = await setUp(t)
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  t.teardown(() => taken.close())
  const bound = taken.address()
  const port = typeof bound === 'object' && bound ? bound.port : 0
  const fails = async (with_: Partial<ControlPlaneOptions>): Promise<WeftError> => {
    try {
      await (await startControlPlane({ ...options, ...with_ })).close()
    } catch (error) {
      if (error instanceof WeftError) return error
      throw error
    }
    throw new Error('it started')
  }
  const address = { host: '127.0.0.1', port }
  for (const [flag, one] of [
    ['--grpc', { grpc: address }],
    ['--grpc-plaintext', { grpcPlaintext: address }],
    ['--http', { http: address }],
  ] as const) {
    const { field, message } = await fails(one)
    t.equal(field, flag)
    t.match(message, `127.0.0.1:${port}`)
    t.notMatch(message, /\n|    at /)
  }
  t.match(await fails({ platform: platform(['/nowhere']) }), { message: /\/nowhere is not a directory/ })
  const fine = await startControlPlane(options)
  await fine.close()
  await fine.close()
})

t.test('the listener without TLS serves discovery and signs nothing', async (t) => {
  const { options } = await setUp(t)
  const running = await startControlPlane({ ...options, grpcPlaintext: LOOPBACK })
  t.teardown(() => running.close())
  const client = new Client(`127.0.0.1:${running.plaintextPort}`, credentials.createInsecure())
  t.teardown(() => client.close())
  const stream = new DeltaStream(client, new Metadata()).ask('route', [ROUTE])
  t.strictSame(weights(await stream.next(`+route ${ROUTE}`)), [90, 10])
  const { path, requestSerialize, responseDeserialize } = Signing.sign
  const error = await new Promise<ServiceError | null>((resolve) =>
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, resolve),
  )
  t.equal(error?.code, status.UNIMPLEMENTED)
  await running.close()
  t.match(await stream.ended, { code: status.UNAVAILABLE }, 'its clients go elsewhere')
})

t.test(
  'a control plane that ends sends its proxies elsewhere one by one, and tells changes until then',
  async (t) => {
    const world = await start(t)
    const { running, mint, write, ca, options } = world
    // Each a connection of its own, as pods have them.
    const streams = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = clientOf(t, running, ca.authority.value.bundle.pem)
        const stream = new DeltaStream(client, bearer(await mint())).ask('route', [ROUTE])
        await stream.next(`+route ${ROUTE}`)
        return { client, stream }
      }),
    )
    const other = await startControlPlane(options)
    t.teardown(() => other.close())
    let ended = 0
    for (const { stream } of streams) void stream.ended.then(() => ended++)
    const began = performance.now()
    const closed = running.close()
    await until(
      async () => (await request(`http://127.0.0.1:${running.httpPort}/ready`)).statusCode,
      (code) => code === 503,
    )
    write('route.yaml', routeOf(30, 70))
    const last = streams.at(-1)
    if (!last) return
    t.strictSame(weights(await last.stream.next(`+route ${ROUTE}`)), [30, 70], 'the last one is told still')
    t.ok(ended < streams.length)
    // What comes on an old connection goes nowhere but elsewhere.
    const late = new DeltaStream(last.client, bearer(await mint())).ask('route', [ROUTE])
    t.match(await late.ended, { code: status.UNAVAILABLE })
    for (const { stream } of streams) {
      t.match(await stream.ended, { code: status.UNAVAILABLE, details: /stopping/ })
    }
    await closed
    t.ok(performance.now() - began >= 19 * 19, 'not all at once')
    const moved = new DeltaStream(clientOf(t, other, ca.authority.value.bundle.pem), bearer(await mint()))
    t.strictSame(weights(await moved.ask('route', [ROUTE]).next(`+route ${ROUTE}`)), [30, 70])
  },
)

t.test('names of one caller take so much and no more: its oldest stream makes room', async (t) => {
  // So many names count for 36 MB, which would take the caller half a minute at the rate that it has.
  const { open } = await start(t, { quotas: readQuotas({ 'kib-per-second-per-pod': '65536' }) })
  const first = (await open()).ask('route', [ROUTE])
  await first.next(`+route ${ROUTE}`)
  const names = (stream: number) => Array.from({ length: 49_000 }, (_, i) => `shop/made-up-${stream}-${i}/80`)
  const greedy = []
  for (let i = 0; i < 3; i++) {
    const stream = (await open()).ask('route', names(i))
    await stream.next(`-route ${names(i)[0]}`)
    greedy.push(stream)
  }
  t.match(await first.ended, { code: status.RESOURCE_EXHAUSTED, details: /ask for fewer/ })
  t.match(await greedy[0]?.ended, { code: status.RESOURCE_EXHAUSTED })
  t.ok(greedy[2]?.ask('route', [ROUTE]))
  await greedy[2]?.next(`+route ${ROUTE}`)
})

t.test(
  'on one machine a Canary is moved over loopback, by nobody whom a page of another site sends',
  async (t) => {
    const { write, running, lines } = await start(t)
    write(
      'canary.yaml',
      `apiVersion: weft.dev/v1alpha1
kind: Canary
metadata: { name: catalog, namespace: shop }
spec:
  routeRef: { name: catalog }
  stable: { name: catalog, port: 80 }
  canary: { name: catalog-v2, port: 80 }
  steps: [{ weight: 10 }]
`,
    )
    await until(
      () => get<{ canaries: { name: string }[] }>(running, '/api/canaries'),
      ({ canaries }) => canaries.length === 1,
    )
    const ask = async (name: string, headers: Record<string, string>) => {
      const url = `http://127.0.0.1:${running.httpPort}/api/canaries/shop/${name}/pause`
      const { statusCode, body } = await request(url, { method: 'POST', headers })
      return { status: statusCode, body: await body.json() }
    }
    const own = { 'x-weft-client': 'dashboard' }
    t.match(await ask('catalog', own), { status: 202, body: { request: /^pause \d/ } })
    t.match(
      lines.join('\n'),
      /a Canary was asked for something over REST.*"name":"catalog".*"by":"127\.0\.0\.1"/,
    )
    t.match(await ask('other', own), { status: 404, body: { error: { code: 'canary.none' } } })
    t.match(await ask('catalog', {}), { status: 403, body: { error: { code: 'api.client' } } })
    t.match(await ask('catalog', { ...own, host: 'evil.example' }), {
      status: 403,
      body: { error: { code: 'api.host' } },
    })
    t.match(await ask('catalog', { ...own, via: '1.1 a' }), {
      status: 403,
      body: { error: { code: 'access.denied' } },
    })
    t.match(await get(running, '/api/mesh'), { may: { act: true, tap: true } })
  },
)
