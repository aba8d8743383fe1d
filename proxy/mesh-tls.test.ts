import { createServer as createHttpServer, request } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import * as tls from 'node:tls'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { CaCredentials } from '../certs/authority.ts'
import { formatFlags } from './model/response-flag.ts'
import type { Endpoint } from './model/cluster.ts'
import type { FilterChain, HttpConnectionManager, Listener, TcpProxy } from './model/listener.ts'
import { newRoot, secretsOf } from './testing/mesh-identity.ts'
import { MESH_ROOTS, PATIENT_CLOCK, sidecar, strict, upstream, type Sidecar } from './testing/mesh-sidecar.ts'
import {
  chainOf,
  CLUSTER,
  endpointAt,
  forwardTo,
  listenerOf,
  MANAGER,
  TestConfiguration,
} from './testing/static-configuration.ts'

const TO_APP: TcpProxy = {
  kind: 'tcp',
  statPrefix: 'tcp',
  clusters: [{ cluster: 'app', weight: 1 }],
  idleTimeoutMs: 0,
}

/** An application that answers with the caller that it was told, behind a STRICT sidecar of this service account. */
async function server(
  t: Test,
  root: CaCredentials,
  alpn: string[],
  serviceAccount = 'catalog',
): Promise<Sidecar> {
  const app = createHttpServer((message, response) =>
    response.end(`caller ${String(message.headers['x-forwarded-client-cert'] ?? 'unknown')}`),
  ).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => {
    app.closeAllConnections()
    app.close()
  })
  const address = app.address()
  const configuration = new TestConfiguration()
  configuration.setCluster('app', [typeof address === 'object' && address ? address.port : 0])
  const manager = { ...MANAGER, traffic: 'inbound', forwardClientCert: 'sanitize_set' } as const
  configuration.listeners.set(new Map([['front', listenerOf(manager, strict(alpn))]]))
  configuration.setRoutes([forwardTo({ app: 1 })])
  return sidecar(t, configuration, secretsOf(root, serviceAccount))
}

async function client(
  t: Test,
  root: CaCredentials,
  port: number,
  alpn: string[],
  expected: string,
): Promise<Sidecar> {
  const configuration = new TestConfiguration()
  configuration.setCluster('catalog', [], {
    discovery: { kind: 'static', endpoints: [endpointAt(port, { identity: expected })] },
    tls: upstream(alpn),
  })
  configuration.setRoutes([forwardTo({ catalog: 1 })])
  return sidecar(t, configuration, secretsOf(root, 'web'))
}

function get(port: number, headers = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/', headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
      .on('error', reject)
      .end()
  })
}

const CATALOG = 'spiffe://cluster.local/ns/shop/sa/catalog'
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

for (const alpn of ['http/1.1', 'weft-h2']) {
  t.test(`over ${alpn} the application is told who calls, and nobody can claim to be another`, async (t) => {
    const root = newRoot()
    const inbound = await server(t, root, ['weft-h2', 'http/1.1'])
    const outbound = await client(t, root, inbound.port, [alpn], CATALOG)
    const answer = await get(outbound.port, {
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/x/sa/admin',
    })
    t.same(answer, { status: 200, text: `caller By=${CATALOG};URI=${WEB}` })
    t.match(outbound.requests[0], { sourceIdentity: WEB, destinationIdentity: CATALOG, protocol: 'HTTP/1.1' })
    t.match(inbound.requests[0], { sourceIdentity: WEB, destinationIdentity: CATALOG, protocol: 'HTTP/1.1' })
  })
}

t.test('an endpoint with another identity gets no byte of the request', async (t) => {
  const root = newRoot()
  const inbound = await server(t, root, ['http/1.1'])
  const outbound = await client(
    t,
    root,
    inbound.port,
    ['http/1.1'],
    'spiffe://cluster.local/ns/shop/sa/payments',
  )
  t.equal((await get(outbound.port)).status, 503)
  t.equal(formatFlags(outbound.requests[0]?.flags ?? 0), 'UF,UAEX')
  t.match(outbound.requests[0]?.details, /upstream_identity\{the peer is .*catalog, expected .*payments\}/)
  t.equal(inbound.requests.length, 0)
})

t.test('a caller whose certificate another root signed is refused, and so is plaintext', async (t) => {
  const root = newRoot()
  const inbound = await server(t, root, ['http/1.1'])
  const stranger = await client(t, root, inbound.port, ['http/1.1'], '')
  const forged = secretsOf(newRoot(), 'web')
  stranger.secrets.set({ ...forged, bundlePem: secretsOf(root, 'web').bundlePem })
  t.equal((await get(stranger.port)).status, 503)
  await t.rejects(get(inbound.port), 'plaintext gets no answer')
  t.equal(inbound.requests.length, 0)
  t.match(inbound.connections[0]?.details, /^downstream_tls\{/)
})

t.test('a renewed certificate is used for what comes, and nothing under way breaks', async (t) => {
  const root = newRoot()
  const inbound = await server(t, root, ['http/1.1'])
  const outbound = await client(t, root, inbound.port, ['http/1.1'], CATALOG)
  t.equal((await get(outbound.port)).status, 200)
  outbound.secrets.set(secretsOf(root, 'client'))
  inbound.secrets.set(secretsOf(root, 'catalog'))
  t.match((await get(outbound.port)).text, /URI=spiffe:\/\/cluster.local\/ns\/shop\/sa\/client$/)
})

/**
 * A way to a sidecar that passes its TLS through, and counts what came to an end of the connections that carried requests.
 * Others are none of a test's business: where connecting takes long, a second attempt runs beside the first, and one ends.
 */
async function counted(t: Test, { port, requests }: Sidecar): Promise<{ port: number; ended(): number }> {
  const ended = new Set<string>()
  const relay = createTcpServer((socket) => {
    const onward = connect({ port, host: '127.0.0.1' })
    onward.once('connect', () => {
      const name = `127.0.0.1:${onward.localPort}`
      socket.once('close', () => ended.add(name))
    })
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
    t.teardown(() => socket.destroy())
    socket.pipe(onward).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  t.teardown(() => relay.close())
  const address = relay.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    ended: () => new Set(requests.map(({ downstream }) => downstream)).intersection(ended).size,
  }
}

for (const alpn of ['http/1.1', 'weft-h2'])
  t.test(`over ${alpn} a rollout to another service account costs no request`, async (t) => {
    const root = newRoot()
    const [before, after] = [
      await server(t, root, ['weft-h2', 'http/1.1']),
      await server(t, root, ['weft-h2', 'http/1.1'], 'catalog-v2'),
    ]
    const [toBefore, toAfter] = [await counted(t, before), await counted(t, after)]
    const CATALOG_V2 = `${CATALOG}-v2`
    const old = endpointAt(toBefore.port, { identity: CATALOG })
    const next = endpointAt(toAfter.port, { identity: CATALOG_V2 })
    const configuration = new TestConfiguration()
    const endpoints = (...list: Endpoint[]): void =>
      configuration.endpoints('catalog').set({ clusterName: 'catalog', endpoints: list })
    // As the control plane does it: a new cluster object for every identity that joins or leaves.
    const allow = (...identities: string[]): void =>
      configuration.cluster('catalog').set({
        ...CLUSTER,
        name: 'catalog',
        discovery: { kind: 'eds', serviceName: 'catalog' },
        idleTimeoutMs: 60_000,
        tls: {
          ...upstream([alpn]),
          validation: {
            ...MESH_ROOTS,
            subjectAltNames: identities.map((value) => ({ type: 'uri', match: 'exact', value })),
          },
        },
      })
    endpoints(old)
    allow(CATALOG)
    configuration.setRoutes([forwardTo({ catalog: 1 })])
    const outbound = await sidecar(t, configuration, secretsOf(root, 'web'), PATIENT_CLOCK)

    const served: Record<string, number> = { [CATALOG]: 0, [CATALOG_V2]: 0 }
    const others: string[] = []
    const over = new AbortController()
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!over.signal.aborted) {
          const { status, text } = await get(outbound.port)
          const by = /By=([^;]*)/.exec(text)?.[1] ?? ''
          if (status === 200 && by in served) served[by] = (served[by] ?? 0) + 1
          else others.push(`${status} ${text}`)
        }
      }),
    )
    /** Resolves when this identity has answered so many more. */
    const answers = async (identity: string, count: number): Promise<void> => {
      const enough = (served[identity] ?? 0) + count
      while ((served[identity] ?? 0) < enough && others.length === 0)
        await new Promise((resolve) => setImmediate(resolve))
    }
    await answers(CATALOG, 50)
    // Too early: nobody is sent there before its identity is allowed.
    endpoints(old, next)
    await answers(CATALOG, 50)
    t.equal(served[CATALOG_V2], 0)
    allow(CATALOG, CATALOG_V2)
    await Promise.all([answers(CATALOG, 50), answers(CATALOG_V2, 50)])
    t.equal(toBefore.ended(), 0, 'an identity that joins costs no connection')
    endpoints({ ...old, health: 'draining' }, next)
    const draining = [...outbound.runtime.clusters.get('catalog').states.values()][0]
    const running = (): number => draining?.active ?? 0
    while (running() > 0) await new Promise((resolve) => setImmediate(resolve))
    // The names first: until the endpoints come, the old one is there without being allowed.
    allow(CATALOG_V2)
    await answers(CATALOG_V2, 50)
    t.equal(draining?.connections, 0, 'its connections are drained')
    endpoints(next)
    await answers(CATALOG_V2, 50)
    t.equal(toAfter.ended(), 0, 'one that leaves costs no connection but its own')
    over.abort()
    await load
    t.same(others, [])
    const costly = outbound.requests.filter(({ flags, attempts }) => flags !== 0 || attempts !== 1)
    t.same(
      costly.map(({ flags, attempts }) => ({ flags, attempts })),
      [],
    )
  })

for (const alpn of ['http/1.1', 'weft-h2'])
  t.test(`over ${alpn} certificates are renewed under load, and no request fails`, async (t) => {
    const root = newRoot()
    const inbound = await server(t, root, ['weft-h2', 'http/1.1'])
    const outbound = await client(t, root, inbound.port, [alpn], CATALOG)
    const answers = new Map<string, number>()
    const renewing = new AbortController()
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!renewing.signal.aborted) {
          const { status, text } = await get(outbound.port)
          const key = `${status} ${text.replace(/.*URI=/, '')}`
          answers.set(key, (answers.get(key) ?? 0) + 1)
        }
      }),
    )
    // Each of them is seen by the application before the next comes: the links were replaced.
    for (let i = 0; i < 10; i++) {
      outbound.secrets.set(secretsOf(root, `web-${i}`))
      inbound.secrets.set(secretsOf(root, 'catalog'))
      while (!answers.has(`200 ${WEB}-${i}`)) await new Promise((resolve) => setImmediate(resolve))
    }
    renewing.abort()
    await load
    t.same(
      [...answers.keys()].filter((key) => !key.startsWith(`200 ${WEB}`)),
      [],
    )
    t.same(
      outbound.requests.filter(({ flags, attempts }) => flags !== 0 || attempts !== 1).length,
      0,
      'and none was tried twice',
    )
  })

t.test('opaque TCP goes through a mesh connection of its own, with half-close', async (t) => {
  const root = newRoot()
  const echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    socket.on('end', () => socket.end(`got ${text}`))
  }).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  t.teardown(() => echo.close())
  const address = echo.address()

  const behind = new TestConfiguration()
  behind.setCluster('app', [typeof address === 'object' && address ? address.port : 0])
  behind.listeners.set(new Map([['front', listenerOf(TO_APP, strict(['weft-tcp']))]]))
  const inbound = await sidecar(t, behind, secretsOf(root, 'db'))

  const before = new TestConfiguration()
  before.setCluster('app', [inbound.port], { tls: upstream(['weft-h2', 'weft-tcp']) })
  before.listeners.set(new Map([['front', listenerOf(TO_APP)]]))
  const outbound = await sidecar(t, before, secretsOf(root, 'web'))

  const socket = connect({ port: outbound.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end('hello')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  t.equal(text, 'got hello')
  while (outbound.connections.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.match(outbound.connections[0], { bytesReceived: 5, bytesSent: 9, flags: 0 })
})

/** What a port without a declaration is to a sidecar: STRICT, requests and raw bytes of the mesh. */
function undeclared(http: HttpConnectionManager): Listener {
  const tls = strict(['weft-h2', 'weft-tcp'])
  const mutual = (network: HttpConnectionManager | TcpProxy, protocol: string): FilterChain => {
    const chain = chainOf(network, tls)
    return { ...chain, match: { ...chain.match, transportProtocol: 'tls', applicationProtocols: [protocol] } }
  }
  return {
    ...listenerOf(http),
    inspectTls: true,
    inspectHttp: true,
    filterChains: [mutual(http, 'weft-h2'), mutual(TO_APP, 'weft-tcp')],
  }
}

t.test('inside raw bytes of the mesh nobody can claim to be another, however he begins', async (t) => {
  const root = newRoot()
  const inbound = await server(t, root, [])
  const manager = { ...MANAGER, traffic: 'inbound', forwardClientCert: 'sanitize_set' } as const
  // The runtime of `server` listens already: the same port, with what an undeclared one has.
  inbound.configuration.listeners.set(new Map([['front', undeclared(manager)]]))
  const raw = async (): Promise<Socket> => {
    const { privateKeyPem: key, certificatePem: cert, bundlePem: ca } = secretsOf(root, 'web')
    const socket = tls.connect({
      port: inbound.port,
      host: '127.0.0.1',
      key,
      cert,
      ca,
      ALPNProtocols: ['weft-tcp'],
      checkServerIdentity: () => undefined,
    })
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    t.equal(socket.alpnProtocol, 'weft-tcp')
    return socket
  }
  const head = 'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: URI=admin\r\nConnection: close\r\n\r\n'
  for (const before of ['', '\r\n']) {
    const socket = await raw()
    socket.write(before + head)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    t.match(text, `caller By=${CATALOG};URI=${WEB}`, JSON.stringify(before))
    t.notMatch(text, /admin/)
  }
  for (const cut of [1, 4, 14]) {
    const socket = await raw()
    const end = new Promise((resolve) => socket.once('close', resolve))
    socket.write(head.slice(0, cut))
    const { states } = inbound.runtime.clusters.get('app')
    const passedOn = (): boolean => [...states.values()].some(({ active }) => active > 0)
    while (!passedOn()) await new Promise((resolve) => setImmediate(resolve))
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += String(chunk)))
    socket.write(head.slice(cut))
    await end
    t.notMatch(text, /admin/, `cut after ${cut} bytes`)
  }
})
