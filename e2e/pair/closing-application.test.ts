import { parseArgs } from 'node:util'
import t from 'tap'
import { startAlone } from './testing/alone.ts'
import { ClosingApplication, type Closing } from './testing/closing-application.ts'
import { startPair } from './testing/pair.ts'
import { callSteadily, type Load } from './testing/steady-callers.ts'

// `node e2e/pair/closing-application.test.ts --count 10000` plays it for longer.
const { values } = parseArgs({ options: { count: { type: 'string', default: '240' } }, strict: false })
const COUNT = Number(values.count)

const QUICK: Closing = { betweenMs: [0, 4], how: 'close' }
const KEPT: Closing = { betweenMs: [60_000, 60_000], how: 'close' }
const GET: Load = { method: 'GET', count: COUNT, callers: 8, pauseMs: [0, 6] }
const POST: Load = { ...GET, method: 'POST' }

t.test('an application that ends its connections behind its answers fails no read', async (t) => {
  const app = await ClosingApplication.start(QUICK)
  t.teardown(() => app.close())
  const { port } = await startAlone(t, { name: 'app', kind: 'http', app: app.port })
  t.same(await callSteadily(port, GET), { 200: COUNT })
})

/** What it is called, how it ends connections, and what is asked of it. Some pause as long as it keeps them. */
const APPLICATIONS: readonly (readonly [string, Closing, Load])[] = [
  ['half-read', { ...QUICK, how: 'half' }, GET],
  ['reset-read', { ...QUICK, how: 'reset' }, GET],
  ['close', QUICK, POST],
  ['half', { ...QUICK, how: 'half' }, POST],
  ['reset', { ...QUICK, how: 'reset' }, POST],
  ['three-requests', { ...KEPT, requests: 3 }, POST],
  // Half of its time is more than a busy machine keeps a process waiting.
  ['idle', { betweenMs: [1000, 1000], how: 'close' }, { ...POST, callers: 60, pauseMs: [900, 1100] }],
  [
    'announces',
    { betweenMs: [1000, 1000], how: 'close', announces: 'timeout=1' },
    { ...POST, count: Math.ceil(COUNT / 3), callers: 40, pauseMs: [950, 1050] },
  ],
  ['keeps', KEPT, POST],
]

t.test('through a pair it fails no write either, and reads none twice', async (t) => {
  const apps = await Promise.all(APPLICATIONS.map(([, closing]) => ClosingApplication.start(closing)))
  t.teardown(() => apps.forEach((app) => app.close()))
  const paths = APPLICATIONS.map(([name], i) => ({ name, kind: 'http' as const, app: apps[i]?.port ?? 0 }))
  const pair = await startPair(t, paths)
  const play = async ([name, , load]: (typeof APPLICATIONS)[number], i: number): Promise<void> => {
    // Its habit is not known before it has closed one: writes of that moment may fail, reads do not. One caller, so that
    // they come on one connection.
    await callSteadily(pair.port(name), { method: 'GET', count: 20, callers: 1, pauseMs: [0, 6] })
    t.same(await callSteadily(pair.port(name), load), { 200: load.count }, name)
    t.same(apps[i]?.repeated, [], name)
  }
  await Promise.all(APPLICATIONS.map(play))
  const kept = apps.at(-1)?.connections ?? 0
  t.ok(kept > 0 && kept < COUNT / 3, `${kept} connections where it keeps them`)
})
