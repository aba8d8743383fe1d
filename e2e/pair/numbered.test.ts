import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { SEEDS } from '../fuzz/seeds.ts'
import { FaultRelay, type Fault } from './testing/fault-relay.ts'
import { bodyOf, MANNERS, numberedApp, type Numbered } from './testing/numbered-app.ts'
import { multiplexed, pipelined, type Outcome } from './testing/numbered-client.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// Requests with numbers, pipelined in HTTP/1.1 and as streams of HTTP/2, through a pair whose link is cut, reset
// and held up at any byte and whose application ends where it likes: each gets an answer, and no answer is another's.
// WEFT_LONG=1: 500 rounds for each seed, which wants a TAP_TIMEOUT of 300.

const ROUNDS = process.env['WEFT_LONG'] ? 500 : 12
/** What a failed request may be put down to here; `-`: it was answered. */
const FLAGS = new Set(['-', 'UF', 'UC', 'UR', 'DC', 'UPE'])
const relays = new Map<string, FaultRelay>()
const everything: Outcome[] = []
let pair: Pair
let number = 0

t.before(async () => {
  const { http1, http2 } = numberedApp()
  for (const server of [http1, http2]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
  }
  t.teardown(() => http1.closeAllConnections())
  pair = await startPair(
    t,
    [
      { name: 'http1', kind: 'http', app: portOf(http1), appProtocol: 'http1' },
      { name: 'http2', kind: 'http', app: portOf(http2), appProtocol: 'http2' },
    ],
    {
      between: async (name, inner) => {
        const own = await FaultRelay.start(inner)
        t.teardown(() => own.close())
        relays.set(name, own)
        return own.port
      },
    },
  )
})
const fault: fc.Arbitrary<Fault | undefined> = fc.option(
  fc.record(
    {
      direction: fc.constantFrom('up' as const, 'down' as const),
      // A handshake takes 3 KiB; most cuts are to come after it.
      bytes: fc.oneof(fc.nat(4000), fc.nat(60_000)),
      reset: fc.boolean(),
      pauseMs: fc.nat(10),
    },
    { requiredKeys: ['direction', 'bytes', 'reset'] },
  ),
  { nil: undefined },
)
const size = fc.oneof(fc.constant(0), fc.nat(200), fc.nat(40_000))
const request = fc.record({
  sent: size,
  wanted: size,
  manner: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('length' as const, 'chunked' as const) },
    fc.constantFrom(...MANNERS),
  ),
  delayMs: fc.oneof(fc.constant(0), fc.nat(5)),
})
const round = fc.record({
  faults: fc.array(fault, { maxLength: 6 }),
  /** Everything is cut when so many requests are answered. */
  cutAfter: fc.option(fc.nat(20), { nil: undefined }),
  connections: fc.array(
    fc.record({
      http2: fc.boolean(),
      app: fc.constantFrom('http1', 'http2'),
      requests: fc.array(request, { minLength: 1, maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
})
type Round = typeof round extends fc.Arbitrary<infer T> ? T : never

/** What is wrong with what came of a request, or undefined. */
function mistake(asked: Numbered, got: Outcome): string | undefined {
  const what = JSON.stringify({
    asked,
    got: { ...got, body: got.body.slice(0, 60), length: got.body.length },
  })
  if (got.number !== asked.number) return `an answer to no request: ${what}`
  if (got.status === undefined) return undefined
  if (got.answered === undefined) return [502, 503].includes(got.status) ? undefined : `neither: ${what}`
  if (got.answered !== asked.number) return `another's answer: ${what}`
  if (got.status !== 200) return `a body of another's: ${what}`
  const body = bodyOf(asked.number, asked.wanted)
  if (!body.startsWith(got.body)) return `another's bytes: ${what}`
  if (got.whole && got.body !== body) return `cut short, and passes for whole: ${what}`
  if (got.whole && asked.manner === 'break') return `broken off, and passes for whole: ${what}`
  return undefined
}

async function play(one: Round): Promise<{ wrong: string[]; outcomes: Outcome[] }> {
  for (const own of relays.values()) own.faults.push(...one.faults)
  const wrong: string[] = []
  const all: Outcome[] = []
  let answered = 0
  await Promise.all(
    one.connections.map(async ({ http2, app, requests }) => {
      const numbered = requests.map((each): Numbered => ({ ...each, number: ++number }))
      const outcomes = await (http2 ? multiplexed : pipelined)(pair.port(app), numbered)
      outcomes.forEach((outcome, i) => {
        const found = mistake(numbered[i] ?? ({ number: 0 } as Numbered), outcome)
        if (found !== undefined) wrong.push(found)
      })
      all.push(...outcomes)
      answered += outcomes.length
      if (one.cutAfter !== undefined && answered >= one.cutAfter)
        for (const own of relays.values()) own.cutAll(true)
    }),
  )
  for (const own of relays.values()) own.faults.length = 0
  return { wrong, outcomes: all }
}

for (const seed of SEEDS)
  t.test("no answer is another request's, and none is missing", async (t) => {
    t.comment(`seed ${seed} (WEFT_SEED=${seed} repeats it), ${ROUNDS} rounds`)
    const wrong: string[] = []
    const outcomes: Outcome[] = []
    for (const one of fc.sample(round, { numRuns: ROUNDS, seed })) {
      const played = await play(one)
      wrong.push(...played.wrong)
      outcomes.push(...played.outcomes)
    }
    everything.push(...outcomes)
    t.same(wrong.slice(0, 3), [])
    const good = outcomes.filter(({ status, whole }) => status === 200 && whole).length
    t.comment(`${outcomes.length} requests, ${good} answered whole`)
    t.ok(good > outcomes.length / 4, 'enough is answered to say something')
    t.ok(good < outcomes.length, 'and enough fails')
    for (const own of relays.values()) own.cutAll(false)
    for (const app of ['http1', 'http2'])
      for (const ask of [pipelined, multiplexed]) {
        const last: Numbered = { number: ++number, sent: 10, wanted: 10, manner: 'length', delayMs: 0 }
        const [outcome] = await ask(pair.port(app), [last])
        t.match(outcome, { status: 200, answered: last.number, whole: true }, 'the pair is whole afterwards')
      }
  })

t.test('the log knows every request that was answered, once, and why others failed', async (t) => {
  const numberOf = (path = ''): number => Number(/^\/(\d+)/.exec(path)?.[1])
  const answered = new Map(
    everything.filter(({ status }) => status !== undefined).map(({ number, status }) => [number, status]),
  )
  // A line is written when its request is over, in the process of the proxy.
  await Promise.all(
    [...answered].map(([number]) => pair.caller.line(({ path }) => numberOf(path) === number)),
  )
  const lines = pair.caller.lines
  t.equal(new Set(lines.map(({ path }) => path)).size, lines.length, 'one line each')
  const otherwise = lines.filter(({ path, status }) => {
    const got = answered.get(numberOf(path))
    return got !== undefined && got !== status
  })
  t.same(otherwise.slice(0, 3), [], 'with the status that its caller saw')
  const flags = new Set(lines.flatMap((line) => line.flags.split(',')))
  t.same(
    [...flags].filter((flag) => !FLAGS.has(flag)),
    [],
  )
  const silent = lines.filter(
    ({ status, flags, details }) => (status ?? 0) >= 500 && flags === '-' && details !== 'via_upstream',
  )
  t.same(silent.slice(0, 3), [], "an answer of the proxy's own says why")
  // Whose client had gone may take a moment more.
  for (const proxy of [pair.caller, pair.server])
    while (/"active(Requests)?": ?[1-9]/.test(await proxy.clusters())) await setImmediate()
  t.pass('nothing runs any more')
})
