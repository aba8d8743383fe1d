import { createServer, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { HEAD_LIMITS, type HeadLimits } from './http/head-limits.ts'
import { newRoot, secretsOf } from './testing/mesh-identity.ts'
import { sidecar, strict, upstream } from './testing/mesh-sidecar.ts'
import {
  endpointAt,
  forwardTo,
  listenerOf,
  MANAGER,
  TestConfiguration,
} from './testing/static-configuration.ts'

const MIB = 1024 * 1024
/** Node's HTTP/2 client takes no value above 64 KiB, and no head in more than 9 frames. */
const LARGE = 'v'.repeat(20 * 1024)
const ALPN = ['weft-h2', 'http/1.1']

/** Answers how many fields `x-N` came, with as many of its own as `x-answers` says, and `x-large` that are large. */
async function application(t: Test): Promise<number> {
  const app = createServer({ maxHeaderSize: 2 * MIB }, (message, response) => {
    const wanted = Number(message.headers['x-answers'] ?? 0)
    for (let i = 0; i < wanted; i++) response.setHeader(`y-${i}`, 'v')
    const large = Number(message.headers['x-large'] ?? 0)
    for (let i = 0; i < large; i++) response.setHeader(`y-large-${i}`, LARGE)
    response.end(String(Object.keys(message.headers).filter((name) => /^x-\d/.test(name)).length))
  })
  app.maxHeadersCount = 0
  await once(app.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    app.closeAllConnections()
    app.close()
  })
  return (app.address() as AddressInfo).port
}

/** Two sidecars that take this much from applications, both ways; the port to call. */
async function pair(t: Test, alpn: string, limits: HeadLimits): Promise<number> {
  const root = newRoot()
  const change = { headLimits: limits }
  const inner = new TestConfiguration()
  inner.setCluster('app', [await application(t)], { http: 'http1', ...change })
  inner.listeners.set(
    new Map([['front', listenerOf({ ...MANAGER, traffic: 'inbound', ...change }, strict(ALPN))]]),
  )
  inner.setRoutes([forwardTo({ app: 1 })])
  const inbound = await sidecar(t, inner, secretsOf(root, 'catalog'))
  const outer = new TestConfiguration()
  outer.setCluster('catalog', [], {
    discovery: { kind: 'static', endpoints: [endpointAt(inbound.port)] },
    tls: upstream([alpn]),
    ...change,
  })
  outer.setRoutes([forwardTo({ catalog: 1 })], change)
  return (await sidecar(t, outer, secretsOf(root, 'web'))).port
}

interface Answer {
  readonly status: number
  readonly fields: number
  readonly text: string
}

type Ask = (port: number, fields: Record<string, string>) => Promise<Answer>

const overHttp1: Ask = async (port, headers) => {
  const outgoing = request({ port, host: '127.0.0.1', headers, agent: false, maxHeaderSize: 2 * MIB })
  outgoing.maxHeadersCount = 0
  outgoing.end()
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  const fields = Object.keys(response.headers).filter((name) => /^y-\d/.test(name)).length
  return { status: response.statusCode ?? 0, fields, text }
}

const overHttp2: Ask = async (port, headers) => {
  const session = connectHttp2(`http://127.0.0.1:${port}`, {
    maxHeaderListPairs: 5000,
    maxSendHeaderBlockLength: 2 * MIB,
    settings: { maxHeaderListSize: 2 * MIB },
  })
  try {
    const stream = session.request({ ':path': '/', ...headers })
    const [head] = (await once(stream, 'response')) as [Record<string, string>]
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    const fields = Object.keys(head).filter((name) => /^y-\d/.test(name)).length
    return { status: Number(head[':status']), fields, text }
  } finally {
    session.close()
  }
}

function fields(count: number, value = 'v'): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, value]))
}

for (const [client, ask] of [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
] as const)
  for (const alpn of ALPN) {
    t.test(`${client} over ${alpn}: by default 130 fields are too many, either way`, async (t) => {
      const port = await pair(t, alpn, HEAD_LIMITS)
      t.match(await ask(port, fields(90)), { status: 200, text: '90' })
      t.match(await ask(port, { 'x-answers': '85' }), { status: 200, fields: 85 })
      t.match(await ask(port, fields(130)), { status: 431 })
      t.match(await ask(port, { 'x-answers': '130' }), { status: 502 })
    })

    t.test(`${client} over ${alpn}: what the settings allow passes, and no more`, async (t) => {
      const port = await pair(t, alpn, { maxBytes: 110 * 1024, maxFields: 1000 })
      t.match(await ask(port, fields(130)), { status: 200, text: '130' })
      t.match(await ask(port, { 'x-answers': '130' }), { status: 200, fields: 130 })
      t.match(await ask(port, fields(950)), { status: 200, text: '950' })
      t.match(await ask(port, { 'x-answers': '950' }), { status: 200, fields: 950 })
      t.match(await ask(port, fields(5, LARGE)), { status: 200, text: '5' })
      t.match(await ask(port, { 'x-large': '5' }), { status: 200 })
      t.match(await ask(port, fields(1010)), { status: 431 })
      t.match(await ask(port, { 'x-answers': '1010' }), { status: 502 })
      t.match(await ask(port, fields(6, LARGE)), { status: 431 })
      t.match(await ask(port, { 'x-large': '6' }), { status: 502 })
    })
  }

t.test('what the first sidecar takes to its last field, the link takes with what sidecars add', async (t) => {
  const port = await pair(t, 'weft-h2', { maxBytes: 30 * 1024, maxFields: 1000 })
  // Beside Host and Connection; and their bytes with 32 more for each are far above 30 KiB.
  t.match(await overHttp1(port, fields(998)), { status: 200, text: '998' })
  t.match(await overHttp1(port, fields(999)), { status: 431 })
  // Beside five that Node writes.
  t.match(await overHttp1(port, { 'x-answers': '994' }), { status: 200, fields: 994 })
})

/** Most bytes of a further field's value with which a request with these names gets through. */
async function room(t: Test, port: number, names: readonly string[]): Promise<number> {
  const headers = Object.fromEntries(names.map((name) => [name, 'v']))
  let [fits, over] = [0, 64 * 1024]
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2)
    const { status, text } = await overHttp1(port, { ...headers, pad: 'v'.repeat(middle) })
    if (status === 200) {
      t.equal(text, String(names.length))
      fits = middle
    } else {
      t.equal(status, 431)
      over = middle
    }
  }
  return fits
}

t.test('how names are written takes no room from a head on the link, however long they are', async (t) => {
  const port = await pair(t, 'weft-h2', HEAD_LIMITS)
  // 100 fields with Host, Connection and what fills it up: of 7.3 KiB, which is told, and of 9.6 KiB, which is too much.
  for (const length of [75, 100]) {
    const names = Array.from({ length: 97 }, (_, i) => `X-${i}-`.padEnd(length, 'N'))
    const lower = await room(
      t,
      port,
      names.map((name) => name.toLowerCase()),
    )
    t.equal(await room(t, port, names), lower)
    t.ok(lower > HEAD_LIMITS.maxBytes - 97 * (length + 5) - 1024, 'all of what the first sidecar takes')
  }
})
