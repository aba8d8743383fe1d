import { once } from 'node:events'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import t from 'tap'
import { request } from 'undici'
import { openCaStore } from '../certs/ca-store.ts'
import { startControlPlane, type RunningControlPlane } from '../control-plane/app.ts'
import type { Replica } from '../control-plane/canary/evidence/gathered-counts.ts'
import { manifestsPlatform } from '../control-plane/platform/manifests.ts'
import type { ProxyView } from '../control-plane/serve/rest/overview.ts'
import { openTokenIssuer } from '../control-plane/serve/tokens/issuer.ts'
import type { Coverage } from '../core/api/coverage.ts'
import { createLogger, silentLogger } from '../core/log.ts'
import { createAdsClient } from '../proxy/xds/ads-client.ts'
import { ResourceTable } from '../proxy/xds/resource-table.ts'

const PROXIES = 60
const NAME = 'weft-control-plane.weft-system.svc'
const ROUTE = 'shop/web/80'

const route = (weight: number) => `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules: [{ backendRefs: [{ name: web, port: 80, weight: ${weight} }, { name: web, port: 80, weight: 1 }] }]
`

t.test('a control plane is replaced: its proxies move one by one, and none loses what it has', async (t) => {
  const directory = t.testdir({ manifests: {}, keys: {} })
  const at = (...names: string[]) => join(directory, ...names)
  const write = (weight: number) => {
    writeFileSync(at('new'), route(weight))
    renameSync(at('new'), at('manifests', 'route.yaml'))
  }
  write(1)
  mkdirSync(at('ca'))
  const issuer = await openTokenIssuer({ directory: at('keys') })
  const ca = openCaStore({ directory: at('ca'), trustDomain: 'cluster.local' })
  const replica = async (others: () => readonly Replica[] = () => []): Promise<RunningControlPlane> => {
    const running = await startControlPlane({
      platform: manifestsPlatform({
        manifests: [at('manifests')],
        issuer: { kind: 'own', caDirectory: at('ca') },
        tokenKeyDirectory: at('keys'),
      }),
      trustDomain: 'cluster.local',
      dnsNames: [NAME],
      grpc: { host: '127.0.0.1', port: 0 },
      grpcPlaintext: undefined,
      http: { host: '127.0.0.1', port: 0 },
      samplingPercent: 0,
      drainMs: 60_000,
      dashboard: new Map(),
      log: silentLogger,
      replicas: others,
    })
    t.teardown(() => running.close())
    return running
  }
  const old = await replica()
  const ready = { port: old.grpcPort }
  // What a Service does: each connection goes to a replica that is ready when it is opened, and stays there.
  const service = createServer((socket) => {
    const upstream = connect(ready.port, '127.0.0.1')
    socket.pipe(upstream).pipe(socket)
    for (const one of [socket, upstream])
      one.on('error', () => [socket, upstream].forEach((each) => each.destroy()))
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  t.teardown(() => service.close())
  const { port } = service.address() as AddressInfo

  const lines: string[] = []
  const proxies = await Promise.all(
    Array.from({ length: PROXIES }, async (_, index) => {
      const pod = { name: `web-${index}`, uid: `uid-${index}` }
      const subject = { namespace: 'shop', serviceAccount: { name: 'web', uid: 'sa' }, pod }
      const token = await issuer.mint(subject, { audience: 'weft', ttlMs: 3_600_000 })
      const table = new ResourceTable({ pinned: [{ kind: 'listener', name: 'inbound' }] })
      const client = createAdsClient({
        table,
        node: { id: `web-${index}.shop`, cluster: 'shop' },
        async open() {
          const metadata = new Metadata()
          metadata.set('authorization', `Bearer ${token}`)
          const trust = credentials.createSsl(Buffer.from(ca.authority.value.bundle.pem))
          const channel = { 'grpc.ssl_target_name_override': NAME, 'grpc.use_local_subchannel_pool': 1 }
          return { client: new Client(`127.0.0.1:${port}`, trust, channel), metadata }
        },
        log: createLogger('proxy', 'info', (line) => lines.push(line)),
      })
      t.teardown(() => client.close())
      table.route(ROUTE)
      client.start()
      return { client, table }
    }),
  )
  const turn = () => new Promise((resolve) => setTimeout(resolve, 2))
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) await turn()
  }
  /** What each proxy would route by now. */
  const routes = () => proxies.map(({ table }) => JSON.stringify(table.route(ROUTE).value))
  await until(() => proxies.every(({ client }) => client.connected.value))
  await until(() => new Set(routes()).size === 1 && routes()[0] !== undefined)
  const [before] = routes()

  const next = await replica(() => [{ pod: 'weft-system/old', address: `http://127.0.0.1:${old.httpPort}` }])
  const connected = async () => {
    const { body } = await request(`http://127.0.0.1:${next.httpPort}/api/proxies`)
    return (await body.json()) as { coverage: Coverage; proxies: ProxyView[] }
  }
  const known = await connected()
  t.strictSame(known.coverage, { answered: 2, missing: [] })
  t.strictSame(
    known.proxies.map(({ node, replica: of }) => `${node} ${of}`).toSorted(),
    proxies.map((_, index) => `web-${index}.shop weft-system/old`).toSorted(),
    'who is connected to another replica is told by each',
  )
  let away = 0
  let mostAway = 0
  let moved = 0
  for (const { client } of proxies) {
    client.connected.watch((connected) => {
      away += connected ? -1 : 1
      mostAway = Math.max(mostAway, away)
      if (connected) moved++
    })
  }
  const closed = old.close()
  // As a Service does, which new connections go by: before the first of them is there.
  ready.port = next.grpcPort
  await until(async () => (await request(`http://127.0.0.1:${old.httpPort}/ready`)).statusCode === 503)
  await until(() => moved > 0)
  t.ok(moved < PROXIES)
  write(3)
  await closed
  await until(() => moved >= PROXIES && away === 0)
  await until(() => routes().every((one) => one !== before) && new Set(routes()).size === 1)
  t.ok(mostAway < PROXIES, `at most ${mostAway} of ${PROXIES} were without a stream at once`)

  const view = await connected()
  t.equal(view.proxies.filter(({ replica: of }) => of === '').length, PROXIES)
  t.match(view.coverage, { answered: 1, missing: [{ replica: 'weft-system/old' }] })
  t.strictSame(
    lines.filter((line) => line.includes('"level":"warn"') || line.includes('"level":"error"')),
    [],
  )
})
