import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { drain } from './drain.ts'

function setUp(active: number, options: { limitMs: number; open?: number }) {
  const clock = new ManualClock(1_000_000)
  const lines: string[] = []
  const target = {
    running: active,
    began: 0,
    drains: 0,
    begin: () => void target.drains++,
    active: () => target.running,
    begun: () => target.began,
    ...(options.open === undefined ? {} : { open: () => target.left }),
    left: options.open ?? 0,
  }
  const state: { result?: number } = {}
  const over = drain(
    target,
    { limitMs: options.limitMs, clock },
    createLogger('proxy', 'debug', (line) => lines.push(line)),
  ).then((result) => (state.result = result))
  /** What has come of it after so much more time. */
  const after = async (ms: number): Promise<number | undefined> => {
    clock.advance(ms)
    await new Promise((resolve) => setImmediate(resolve))
    return state.result
  }
  return { target, over, after, lines }
}

t.test('what is idle stays for the quiet time, and then goes', async (t) => {
  const { target, over, after, lines } = setUp(0, { limitMs: 30_000 })
  t.equal(target.drains, 1, 'peers are told at once')
  t.equal(await after(1999), undefined, 'endpoints take a moment to leave everybody')
  t.equal(await after(51), 0)
  await over
  t.equal(lines.length, 1)
})

t.test('what runs is waited for, and the quiet time begins after it', async (t) => {
  const { target, after } = setUp(1, { limitMs: 30_000 })
  t.equal(await after(10_000), undefined)
  target.running = 0
  t.equal(await after(1000), undefined)
  target.running = 1
  t.equal(await after(1000), undefined)
  target.running = 0
  t.equal(await after(1900), undefined, 'a late request begins it anew')
  t.equal(await after(200), 0)
})

t.test('requests that are shorter than the time between two looks are activity', async (t) => {
  const { target, after } = setUp(0, { limitMs: 30_000 })
  for (let i = 0; i < 100; i++) {
    target.began++
    t.equal(await after(50), undefined)
  }
  t.equal(await after(1900), undefined)
  t.equal(await after(150), 0)
})

t.test('at the limit what still runs is counted', async (t) => {
  const { after, lines } = setUp(3, { limitMs: 5000 })
  t.equal(await after(4999), undefined)
  t.equal(await after(51), 3)
  t.match(JSON.parse(lines.at(-1) ?? ''), { level: 'warn', active: 3 })
})

t.test('the limit holds for the quiet time, too', async (t) => {
  const { after } = setUp(0, { limitMs: 500 })
  t.equal(await after(499), undefined)
  t.equal(await after(51), 0)
})

t.test('a limit of 0 ends at once', async (t) => {
  const { after } = setUp(2, { limitMs: 0 })
  t.equal(await after(0), 2)
})

t.test('where idle clients are left they get the quiet time, and where none is it ends', async (t) => {
  const { target, after } = setUp(0, { limitMs: 30_000, open: 1 })
  t.equal(await after(1900), undefined)
  target.left = 0
  t.equal(await after(50), 0)
  const empty = setUp(0, { limitMs: 30_000, open: 0 })
  t.equal(await empty.after(99), undefined)
  t.equal(await empty.after(51), 0)
})
