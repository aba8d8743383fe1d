import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { FaultRelay } from './testing/fault-relay.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// The link is cut after every number of bytes of its TLS handshake and of the request behind it, in both
// directions, by FIN and by RST in turns. WEFT_LONG=1: every number; without it every 67th.

const STEP = process.env['WEFT_LONG'] ? 1 : 67
let relay: FaultRelay
let pair: Pair

t.before(async () => {
  const app = createServer((message, response) => response.end(`answer ${message.url}`)).listen(
    0,
    '127.0.0.1',
  )
  await once(app, 'listening')
  t.teardown(() => app.close())
  pair = await startPair(t, [{ name: 'web', kind: 'http', app: portOf(app) }], {
    between: async (_name, inner) => {
      relay = await FaultRelay.start(inner)
      t.teardown(() => relay.close())
      return relay.port
    },
  })
})

for (const direction of ['up', 'down'] as const)
  t.test(`cut after every ${STEP} bytes (WEFT_LONG=1: every one), ${direction}`, async (t) => {
    let status = 0
    let bytes = 0
    const wrong: string[] = []
    // What is open is closed, so that each request below needs a link of its own.
    relay.fault = { direction, bytes, reset: true }
    relay.cutAll(true)
    for (; status !== 200 && bytes < 20_000; bytes += STEP) {
      relay.fault = { direction, bytes, reset: Math.floor(bytes / STEP) % 2 === 0 }
      const response = await fetch(`http://127.0.0.1:${pair.port('web')}/${direction}-${bytes}`)
      const text = await response.text()
      status = response.status
      const why = response.headers.get('proxy-status') ?? ''
      const known =
        status === 200
          ? text === `answer /${direction}-${bytes}`
          : status === 503 && /upstream_(connect_failure|reset_before_response_started|identity)/.test(why)
      if (!known) wrong.push(`after ${bytes} bytes: ${status} ${why} ${text}`)
    }
    t.same(wrong, [])
    t.equal(status, 200, `the whole exchange takes ${bytes} bytes`)
    t.ok(bytes > 1000)
    relay.cutAll(true)
    relay.fault = undefined
    const last = await fetch(`http://127.0.0.1:${pair.port('web')}/last`)
    t.equal(await last.text(), 'answer /last', 'the pair is whole afterwards')
    await pair.caller.line(({ path }) => path === '/last')
    const flags = new Set(pair.caller.lines.filter((line) => line.status === 503).map((line) => line.flags))
    t.same(
      [...flags].filter((flag) => flag !== 'UF' && flag !== 'UC'),
      [],
    )
  })
