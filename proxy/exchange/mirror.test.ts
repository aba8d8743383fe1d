import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import t, { type Test } from 'tap'
import { Watched } from '../../core/watched.ts'
import { Runtime } from '../runtime.ts'
import { forwardTo, TestConfiguration } from '../testing/static-configuration.ts'
import type { MirrorPolicy } from '../model/route.ts'
import { shadowAuthority } from './mirror.ts'
import { noTelemetry, type RequestRecord } from './telemetry-sink.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly host: string
  readonly body: string
}

/** A server that keeps what it is asked; `held` answers wait for `release`. */
class Application {
  readonly seen: Seen[] = []
  readonly #server: Server
  readonly #held: (() => void)[] = []
  #watch = (): void => {}

  constructor(held = false) {
    this.#server = createServer((message, response) => {
      let body = ''
      message.setEncoding('latin1').on('data', (text: string) => {
        body += text
      })
      message.on('end', () => {
        const { method = '', url = '', headers } = message
        this.seen.push({ method, url, host: headers.host ?? '', body })
        this.#watch()
        const answer = (): void => void response.end(`${method} ${body.length}`)
        if (held) this.#held.push(answer)
        else answer()
      })
    })
  }

  async listen(t: Test): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    t.teardown(() => {
      this.#server.closeAllConnections()
      this.#server.close()
    })
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** Resolves when it was asked this often. */
  async asked(times: number): Promise<void> {
    while (this.seen.length < times)
      await new Promise<void>((resolve) => {
        this.#watch = resolve
      })
  }

  release(): void {
    for (const answer of this.#held.splice(0)) answer()
  }
}

async function start(
  t: Test,
  mirror: Application | number,
  policy: Partial<MirrorPolicy> = {},
  timeoutMs = 0,
) {
  const original = new Application()
  const configuration = new TestConfiguration()
  configuration.setCluster('app', [await original.listen(t)])
  configuration.setCluster('copy', [typeof mirror === 'number' ? mirror : await mirror.listen(t)])
  const mirrors = [{ cluster: 'copy', percent: 100, shadowSuffix: true, ...policy }]
  configuration.setRoutes([forwardTo({ app: 1 }, { mirrors, timeoutMs })])
  const records: RequestRecord[] = []
  const counts = new Map<string, number>()
  let watch = (): void => {}
  const runtime = new Runtime({
    configuration,
    secrets: new Watched(undefined),
    readSpiffeId: () => ({ ok: false, reason: 'no mesh in this test' }),
    telemetry: {
      ...noTelemetry,
      requestFinished: (record) => void records.push({ ...record }),
      count(name) {
        counts.set(name, (counts.get(name) ?? 0) + 1)
        watch()
      },
    },
    originalDestination: undefined,
    ownAddresses: [],
    configWaitMs: 200,
  })
  await runtime.bindListeners((error) => t.fail(String(error)))
  t.teardown(() => runtime.close())
  const send = async (method: string, path: string, body = ''): Promise<string> => {
    const outgoing = request({
      port: runtime.boundPort('front'),
      host: '127.0.0.1',
      method,
      path,
      headers: { host: 'shop:80' },
    })
    outgoing.end(body)
    const [response] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>]
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return text
  }
  const counted = async (name: string, times: number): Promise<void> => {
    while ((counts.get(name) ?? 0) < times)
      await new Promise<void>((resolve) => {
        watch = resolve
      })
  }
  return { runtime, original, records, counts, send, counted }
}

t.test('a copy has method, path and body of the original, and an authority of its own', async (t) => {
  const mirror = new Application()
  const { send, counted, original, records } = await start(t, mirror)
  t.equal(await send('GET', '/a?b=1'), 'GET 0')
  t.equal(await send('POST', '/c', 'x'.repeat(60_000)), 'POST 60000')
  await counted('mirror_sent', 2)
  const byUrl = (a: Seen, b: Seen): number => (a.url < b.url ? -1 : 1)
  t.strictSame(
    mirror.seen.toSorted(byUrl),
    original.seen.toSorted(byUrl).map((seen) => ({ ...seen, host: 'shop-shadow:80' })),
  )
  t.equal(records.length, 2, 'copies are no requests of the caller')
})

t.test('the suffix can be left away', async (t) => {
  const mirror = new Application()
  const { send, counted } = await start(t, mirror, { shadowSuffix: false })
  await send('GET', '/')
  await counted('mirror_sent', 1)
  t.equal(mirror.seen[0]?.host, 'shop:80')
})

t.test('the original waits for no copy, and no failure of one reaches it', async (t) => {
  const mirror = new Application(true)
  const held = await start(t, mirror)
  for (let i = 0; i < 5; i++) t.equal(await held.send('PUT', `/${i}`, 'body'), 'PUT 4')
  await mirror.asked(5)
  t.notOk(held.counts.has('mirror_sent'), 'none is answered')
  mirror.release()
  await held.counted('mirror_sent', 5)

  const refusing = await start(t, 1)
  t.equal(await refusing.send('GET', '/'), 'GET 0')
  await refusing.counted('mirror_failed', 1)
  t.match(refusing.records, [{ flags: 0, attempts: 1 }])
})

t.test('an answer that does not come is given up at the timeout of the route', async (t) => {
  const { send, counted } = await start(t, new Application(true), {}, 2000)
  t.equal(await send('GET', '/'), 'GET 0')
  await counted('mirror_failed', 1)
})

t.test('what is too large to keep is not copied, and counted', async (t) => {
  const mirror = new Application()
  const { send, counted } = await start(t, mirror)
  t.equal(await send('POST', '/large', 'x'.repeat(70_000)), 'POST 70000')
  await counted('mirror_body_too_large', 1)
  t.equal(await send('POST', '/small', 'x'), 'POST 1')
  await counted('mirror_sent', 1)
  t.strictSame(
    mirror.seen.map(({ url }) => url),
    ['/small'],
  )
})

t.test('a request that its caller gives up half-way is not copied', async (t) => {
  const mirror = new Application()
  const { runtime, counted } = await start(t, mirror)
  const outgoing = request({
    port: runtime.boundPort('front'),
    host: '127.0.0.1',
    method: 'POST',
    headers: { 'content-length': 10 },
  })
  outgoing.on('error', () => {})
  outgoing.write('half')
  outgoing.once('socket', (socket) => socket.once('connect', () => setImmediate(() => outgoing.destroy())))
  await counted('mirror_incomplete', 1)
  t.strictSame(mirror.seen, [])
})

t.test('the share is heeded', async (t) => {
  const none = await start(t, new Application(), { percent: 0 })
  for (let i = 0; i < 20; i++) await none.send('GET', '/')
  t.equal(none.counts.size, 0)

  const mirror = new Application()
  const half = await start(t, mirror, { percent: 50 })
  for (let i = 0; i < 60; i++) await half.send('GET', '/')
  // 1 in 2^59 that all or none of sixty fall to the mirror.
  await mirror.asked(1)
  t.ok(mirror.seen.length < 60)
})

t.test('the place of the suffix', async (t) => {
  t.strictSame(['shop', 'shop.default:8080', '', '[::1]:80', '10.0.0.1'].map(shadowAuthority), [
    'shop-shadow',
    'shop.default-shadow:8080',
    '',
    '[::1]:80',
    '10.0.0.1-shadow',
  ])
})
