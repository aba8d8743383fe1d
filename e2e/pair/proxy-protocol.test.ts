import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { freePorts } from '../../core/testing/free-ports.ts'
import type { InstalledProgram } from '../programs/debian.ts'
import { startAlone } from './testing/alone.ts'
import { findNginx, startNginx } from './testing/nginx.ts'
import { portOf, startPair } from './testing/pair.ts'
import { RawConnection } from './testing/raw-http.ts'

// nginx, which takes nothing on these ports but connections that begin with the PROXY protocol, and tells what that says.

const { program, skip } = findNginx()
const SAYS =
  '$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port'
const VERSIONS = ['V1', 'V2'] as const
let web = 0
let tcp = 0

t.before(async () => {
  if (!program) return
  ;[web = 0, tcp = 0] = await freePorts(2)
  const listen = (port: number): string => `listen 127.0.0.1:${port} proxy_protocol;`
  const http = `server { ${listen(web)} location / { return 200 "${SAYS} $connection"; } }`
  const stream = `server { ${listen(tcp)} return "${SAYS} end"; }`
  await startNginx(t, program as InstalledProgram, { http, stream }, web)
})

/** A client at one of this machine's own addresses. */
async function clientAt(host: string, port: number): Promise<{ raw: RawConnection; address: string }> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: host })
  const raw = new RawConnection(socket)
  await once(socket, 'connect')
  return { raw, address: `${host}:${socket.localPort}` }
}

/** What nginx was told, and the number of its connection. */
async function ask(raw: RawConnection): Promise<{ told: string; connection: string }> {
  raw.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')
  const head = await raw.take(/\r\n\r\n/)
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  const [source = '', destination = '', connection = ''] = (
    await raw.take(new RegExp(`^[^]{${length}}`))
  ).split(' ')
  return { told: `${head.slice(9, 12)} ${source} ${destination}`, connection }
}

for (const proxyProtocol of VERSIONS) {
  t.test(`${proxyProtocol} names each of two clients, on connections of their own`, { skip }, async (t) => {
    const path = { name: 'web', kind: 'http', app: web, proxyProtocol } as const
    const { port } = await startAlone(t, path)
    const clients = [await clientAt('127.0.0.2', port), await clientAt('127.0.0.3', port)]
    const connections = new Set<string>()
    for (let i = 0; i < 3; i++)
      for (const { raw, address } of clients) {
        const { told, connection } = await ask(raw)
        t.equal(told, `200 ${address} 127.0.0.1:${port}`)
        connections.add(connection)
      }
    t.equal(connections.size, 2, 'each goes on with its own')
    for (const { raw } of clients) raw.socket.destroy()
  })

  t.test(
    `${proxyProtocol} comes before opaque bytes, also where the server speaks first`,
    { skip },
    async (t) => {
      const { port } = await startAlone(t, { name: 'tcp', kind: 'tcp', app: tcp, proxyProtocol })
      for (const host of ['127.0.0.2', '127.0.0.3']) {
        const { raw, address } = await clientAt(host, port)
        t.equal(await raw.take(/ end$/), `${address} 127.0.0.1:${port} end`)
        raw.socket.destroy()
      }
    },
  )

  t.test(`${proxyProtocol} behind a link names the caller's sidecar`, { skip }, async (t) => {
    const pair = await startPair(t, [
      { name: 'web', kind: 'http', app: web, proxyProtocol },
      { name: 'tcp', kind: 'tcp', app: tcp, proxyProtocol },
    ])
    const seen = new Set<string>()
    for (const host of ['127.0.0.2', '127.0.0.3']) {
      const { raw } = await clientAt(host, pair.port('web'))
      const { told } = await ask(raw)
      t.match(told, new RegExp(`^200 127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1:${pair.inner('web')}$`))
      seen.add(told)
      raw.socket.destroy()
    }
    t.equal(seen.size, 1, 'one link is one caller')
    const { raw } = await clientAt('127.0.0.2', pair.port('tcp'))
    const told = await raw.take(/ end$/)
    t.match(told, new RegExp(`^127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1:${pair.inner('tcp')} end$`))
    raw.socket.destroy()
  })
}

t.test('what a client had to itself ends when it leaves, however long it might have waited', async (t) => {
  const app = createServer((socket) => {
    socket.on('error', () => {})
    // What comes before the request may come alone.
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  const path = {
    name: 'app',
    kind: 'http',
    app: portOf(app),
    proxyProtocol: 'V1',
    idleTimeout: '3600s',
  } as const
  const { port } = await startAlone(t, path)
  const connected = once(app, 'connection') as Promise<[Socket]>
  const { raw } = await clientAt('127.0.0.2', port)
  raw.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')
  await raw.take(/\r\n\r\n/)
  const [socket] = await connected
  t.equal(socket.closed, false)
  const closed = once(socket, 'close')
  raw.socket.destroy()
  await closed
})
