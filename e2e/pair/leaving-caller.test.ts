import t from 'tap'
import { pairKey } from '../../control-plane/serve/telemetry/metric-store.ts'
import type { TrafficView } from '../../control-plane/serve/telemetry/traffic.ts'
import { Collector } from './testing/collector.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial, RawServer, type RawConnection } from './testing/raw-http.ts'

// An HTTP/1.1 caller that gives up with a FIN: its request is cancelled at the application, and counted as such.

let app: RawServer
let collector: Collector
let pair: Pair

const WINDOW_SECONDS = 110
// What is told now is in a window that has ended by then.
const LATER_MS = 6000

t.before(async () => {
  app = await RawServer.listen()
  t.teardown(() => app.server.close())
  const path = { kind: 'http', app: portOf(app.server), appProtocol: 'http1' } as const
  collector = await Collector.listen(t)
  pair = await startPair(
    t,
    [
      { ...path, name: 'cancelled' },
      {
        ...path,
        name: 'kept',
        listener: { metadata: { filter_metadata: { 'weft.dev': { keepHalfClosed: true } } } },
      },
    ],
    { flags: collector.flags },
  )
})

const REQUESTS = {
  'a GET': 'GET /PATH HTTP/1.1\r\nhost: a.test\r\n\r\n',
  'a POST with its body': 'POST /PATH HTTP/1.1\r\nhost: a.test\r\ncontent-length: 4\r\n\r\nbody',
  'a POST within its body': 'POST /PATH HTTP/1.1\r\nhost: a.test\r\ncontent-length: 4\r\n\r\nbo',
}
const STAGES = {
  'before the answer': '',
  'within a download': 'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbegun',
  'within chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n',
}

const begin = async (name: string, request: string): Promise<[RawConnection, RawConnection]> => {
  const client = await dial(pair.port(name))
  client.write(request)
  const behind = await app.accept()
  await behind.take(/\r\n\r\n(body|bo)?$/)
  return [client, behind]
}

let number = 0
for (const [what, request] of Object.entries(REQUESTS))
  for (const [stage, answer] of Object.entries(STAGES))
    t.test(`${what}, and a FIN ${stage}`, async (t) => {
      const path = `/${number++}`
      const [client, behind] = await begin('cancelled', request.replace('/PATH', path))
      behind.write(answer)
      if (answer !== '') await client.take(/begun/)
      client.end()
      await behind.untilEnd()
      behind.end()
      await client.untilEnd()
      for (const proxy of [pair.caller, pair.server])
        t.match(await proxy.line((line) => line.path === path), {
          flags: 'DC',
          status: answer === '' ? 0 : 200,
        })
    })

/** What both ends told of `requests` to the path `cancelled`, once they have told of all. */
async function toldOf(requests: number): Promise<Record<'server' | 'caller', TrafficView>> {
  const view = (end: 'server' | 'caller'): TrafficView | undefined =>
    (end === 'server'
      ? collector.metrics.servers.get('server.shop')
      : collector.metrics.backends.get(pairKey('cancelled', 'cancelled'))
    )?.view(Date.now() + LATER_MS, WINDOW_SECONDS)
  return collector.until(() => {
    const [server, caller] = [view('server'), view('caller')]
    const all = [server, caller].every((one) => Math.round((one?.rate ?? 0) * WINDOW_SECONDS) === requests)
    return server && caller && all ? { server, caller } : undefined
  })
}

t.test('they are counted at both ends, neither for the server nor against it', async (t) => {
  for (const view of Object.values(await toldOf(number))) t.equal(view.successRate, null)
  for (const proxy of [pair.caller, pair.server]) {
    const left = Object.entries(await proxy.stats()).filter(
      ([key]) => /_duration_seconds_count/.test(key) && key.includes('weft_response_flags="DC"'),
    )
    t.equal(
      left.reduce((sum, [, count]) => sum + count, 0),
      number,
      'Prometheus has them by their flag',
    )
    t.equal(
      left.filter(([key]) => key.includes('code="200"')).length,
      2,
      'with the status that was answered, GET and POST',
    )
  }
  // One that its server breaks off, and a whole one.
  const [cut, under] = await begin('cancelled', REQUESTS['a POST with its body'])
  under.write(STAGES['within a download'])
  await cut.take(/begun/)
  under.socket.destroy()
  await cut.untilEnd()
  const [whole, behind] = await begin('cancelled', REQUESTS['a GET'])
  behind.end('HTTP/1.1 204 No Content\r\n\r\n')
  await whole.take(/\r\n\r\n/)
  for (const view of Object.values(await toldOf(number + 2)))
    t.ok(Math.abs((view.successRate ?? 0) - 0.5) < 1e-6, `${view.successRate}`)
  for (const one of [cut, whole]) one.socket.destroy()
})

t.test('a listener that keeps half-closed callers answers them', async (t) => {
  const [client, behind] = await begin('kept', REQUESTS['a GET'])
  client.end()
  behind.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkept')
  t.match(await client.untilEnd(), /^HTTP\/1.1 200 [^]*\r\n\r\nkept$/)
  behind.socket.destroy()
})
