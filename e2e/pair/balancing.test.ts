import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../../core/testing/free-ports.ts'
import { endProxy, portOf } from './testing/pair.ts'
import { application, ask, cluster, listener, manager } from './testing/one-proxy.ts'
import { ProxyProcess } from './testing/proxy-process.ts'
import { dial } from './testing/raw-http.ts'

// Which server a request goes to, over sockets: what the control plane asks for by default, hashes, zones.

const PEAK_EWMA = {
  lb_policy: 'LEAST_REQUEST',
  metadata: { filter_metadata: { 'weft.dev': { peakEwma: { decayMs: 10_000, penaltyMs: 5000 } } } },
}

t.test('servers that fail, streams, keys and zones', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-balancing-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const named = (names: readonly string[]) =>
    Promise.all(names.map((name) => application(t, (_, response) => void response.end(name))))
  const bad = await application(t, (_, response) => void response.writeHead(500).end('bad'))
  const good = await named(['one', 'two'])
  const backends = (ports: readonly number[]) => ports.map((port) => ({ port }))

  const upgrading = await Promise.all(
    ['left', 'right'].map(async (name) => {
      const server = createServer((_, response) => void response.end(name))
      server.on('upgrade', (_, socket) => {
        socket.on('error', () => {})
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      t.teardown(() => {
        server.close()
        server.closeAllConnections()
      })
      return portOf(server)
    }),
  )
  const zonal = (zones: readonly string[]) => ({
    load_assignment: {
      cluster_name: 'zonal',
      endpoints: zones.map((zone, i) => ({
        locality: { zone },
        lb_endpoints: cluster('zonal', backends(good)).load_assignment.endpoints[0]?.lb_endpoints.slice(
          i,
          i + 1,
        ),
      })),
    },
  })
  const [port, admin] = (await freePorts(2)) as [number, number]
  const to = (name: string, action: object = {}) => ({
    match: { prefix: `/${name}` },
    route: { cluster: name, ...action },
  })
  const cookie = { cookie: { name: 'at', ttl: '60s', path: '/' } }
  const static_resources = {
    listeners: [
      listener(
        'web',
        port,
        manager([
          to('failing'),
          to('streams', { upgrade_configs: [{ upgrade_type: 'websocket' }] }),
          to('ring', { hash_policy: [{ header: { header_name: 'x-user' } }] }),
          to('maglev', { hash_policy: [cookie] }),
          to('zonal'),
        ]),
      ),
    ],
    clusters: [
      cluster('failing', backends([bad, ...good]), PEAK_EWMA),
      cluster('streams', backends(upgrading), PEAK_EWMA),
      cluster('ring', backends(good), { lb_policy: 'RING_HASH' }),
      cluster('maglev', backends(good), { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '251' } }),
      cluster('zonal', [], {
        ...PEAK_EWMA,
        ...zonal(['b', 'a']),
        common_lb_config: { zone_aware_lb_config: { min_cluster_size: '1' } },
      }),
    ],
  }
  const node = { id: 'alone', cluster: 'alone', locality: { zone: 'a' } }
  const proxy = await ProxyProcess.start('alone', folder, { node, static_resources }, admin)
  t.teardown(() => endProxy(proxy))

  let failed = 0
  for (let i = 0; i < 300; i++) if (/^HTTP\/1.1 500/.test(await ask(port, '/failing'))) failed++
  // One that fails is left at once; after its penalty it may be asked once more.
  t.ok(failed >= 1 && failed <= 6, `${failed} of 300 failed, of three servers one of which fails`)

  const tunnels = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const client = await dial(port)
      client.write('GET /streams HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
      await client.take(/101 Switching Protocols/)
      return client
    }),
  )
  const answers = new Map<string, number>()
  for (let i = 0; i < 200; i++) {
    const name = /(left|right)$/.exec(await ask(port, '/streams'))?.[0] ?? ''
    answers.set(name, (answers.get(name) ?? 0) + 1)
  }
  for (const tunnel of tunnels) tunnel.socket.destroy()
  // Neither is left out, whoever has more of the tunnels: latencies below a millisecond make no difference.
  t.ok(
    [...answers.values()].every((count) => count >= 20) && answers.size === 2,
    JSON.stringify([...answers]),
  )

  const at = async (path: string, fields: string): Promise<string> =>
    /(one|two)$/.exec(await ask(port, path, fields))?.[0] ?? ''
  const users = Array.from({ length: 20 }, (_, i) => `x-user: ${i}\r\n`)
  const first = await Promise.all(users.map((user) => at('/ring', user)))
  t.same(await Promise.all(users.map((user) => at('/ring', user))), first)
  t.same([...new Set(first)].sort(), ['one', 'two'])

  const fresh = await ask(port, '/maglev')
  const given = /^set-cookie: (at=[0-9a-f]{16}); Max-Age=60; Path=\/; HttpOnly\r$/im.exec(fresh)?.[1] ?? ''
  t.not(given, '')
  const where = /(one|two)$/.exec(fresh)?.[0]
  for (let i = 0; i < 5; i++) t.equal(await at('/maglev', `cookie: ${given}\r\n`), where)

  for (let i = 0; i < 10; i++) t.equal(await at('/zonal', ''), 'two', 'the zone of the proxy')
})
