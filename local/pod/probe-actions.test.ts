import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Action } from '../manifest/pod-spec.ts'

import { perform } from './probe-actions.ts'
import type { ProbeTarget } from './probe-actions.ts'

const LONG_MS = 60_000

const target: ProbeTarget = {
  ip: '127.0.0.1',
  port: (reference) => (typeof reference === 'number' ? reference : undefined),
  exec: () => Promise.resolve({ code: 0, stdout: '', stderr: '' }),
}

async function listening(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** An application, and what it was asked. */
async function application(t: Test, answer: RequestListener) {
  const asked: IncomingMessage[] = []
  const port = await listening(
    t,
    createHttpServer((request, response) => {
      asked.push(request)
      answer(request, response)
    }),
  )
  return { asked, port }
}

function http(port: number, path: string, headers: Record<string, string> = {}): Action {
  return { type: 'http', scheme: 'http', port, path, headers }
}

t.test('it asks as the kubelet does', async (t) => {
  const { asked, port } = await application(t, (_request, response) => response.end())
  t.equal(await perform(http(port, 'up?deep=1'), target, LONG_MS), undefined)
  t.equal(asked[0]?.url, '/up?deep=1', 'a path without a slash has one')
  t.strictSame(asked[0]?.headers, {
    'user-agent': 'kube-probe/1.35',
    accept: '*/*',
    host: `127.0.0.1:${port}`,
    connection: 'close',
  })
})

t.test("a probe's own header fields replace those; empty ones take them away", async (t) => {
  const { asked, port } = await application(t, (_request, response) => response.end())
  const own = { 'User-Agent': 'mine', Accept: '', Host: 'shop.example', 'X-Empty': '' }
  t.equal(await perform(http(port, '/', own), target, LONG_MS), undefined)
  t.strictSame(asked[0]?.headers, {
    'user-agent': 'mine',
    host: 'shop.example',
    'x-empty': '',
    connection: 'close',
  })
})

t.test('redirects', async (t) => {
  const { asked, port } = await application(t, (request, response) => {
    const [status, location] = {
      '/moved': [302, '/fails'],
      '/moved-well': [308, `http://127.0.0.1:${port}/fine`],
      '/elsewhere': [302, 'http://127.0.0.2:1/'],
      '/nowhere': [302, undefined],
      '/round': [301, '/round'],
      '/fails': [500, undefined],
    }[request.url ?? ''] ?? [200, undefined]
    response.writeHead(status as number, location === undefined ? {} : { location: location as string }).end()
  })
  const ask = (path: string) => perform(http(port, path), target, LONG_MS)
  t.equal(await ask('/moved'), 'status 500', 'what the same host says behind it counts')
  t.equal(await ask('/moved-well'), undefined)
  t.equal(await ask('/elsewhere'), undefined, 'another host is not asked, and that is no failure')
  t.equal(await ask('/nowhere'), undefined)
  asked.length = 0
  t.equal(await ask('/round'), 'stopped after 10 redirects')
  t.equal(asked.length, 10)
})

t.test('statuses', async (t) => {
  const { port } = await application(t, (request, response) =>
    response.writeHead(Number(request.url?.slice(1))).end(),
  )
  t.equal(await perform(http(port, '/399'), target, LONG_MS), undefined)
  t.equal(await perform(http(port, '/400'), target, LONG_MS), 'status 400')
})

t.test('of a long answer the beginning is enough', async (t) => {
  const { port } = await application(t, (_request, response) => response.write(Buffer.alloc(20_000)))
  t.equal(await perform(http(port, '/'), target, LONG_MS), undefined)
})

t.test('one that begins and does not go on is late', async (t) => {
  const { port } = await application(t, (_request, response) => response.write('begun'))
  t.equal(await perform(http(port, '/'), target, 200), 'no answer within 200 ms')
})

t.test('time is over while it connects, too', async (t) => {
  let open = 0
  const silent = createServer((socket) => {
    open++
    socket.on('error', () => {}).on('close', () => open--)
    t.teardown(() => socket.destroy())
    socket.resume()
  })
  const port = await listening(t, silent)
  // Nobody answers the handshake of TLS: this connection is never made.
  const probe: Action = { type: 'http', scheme: 'https', port, path: '/', headers: {} }
  const patience = Promise.withResolvers<string>()
  const timer = setTimeout(() => patience.resolve('still connecting after 5 s'), 5000)
  t.equal(await Promise.race([perform(probe, target, 200), patience.promise]), 'no answer within 200 ms')
  clearTimeout(timer)
  const someOpen = (): boolean => open > 0
  while (someOpen()) await new Promise((resolve) => setTimeout(resolve, 5))
  const grpc: Action = { type: 'grpc', port, service: '' }
  t.not(await perform(grpc, target, 200), undefined)
})

t.test('a command that does not end is late', async (t) => {
  const never = { ...target, exec: () => new Promise<never>(() => {}) }
  t.equal(await perform({ type: 'exec', command: ['x'] }, never, 50), 'no answer within 50 ms')
})
