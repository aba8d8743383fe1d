import {
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LEVELS } from '../serve/answers/time-grid.ts'
import { noCounts, requestsOf } from '../serve/telemetry/counts.ts'
import type { StoredSpan } from '../serve/telemetry/stored-span.ts'
import { KeptDatabase } from './kept-database.ts'
import type { Batch } from './telemetry-database.ts'

const MIB = 1024 * 1024
const STEP = LEVELS[0].stepMs
const MINUTE = LEVELS[1].stepMs
const START = Date.UTC(2026, 0, 1)
const ALL = { from: 0, to: Infinity, limit: 100_000 }

function directory(t: { teardown(task: () => unknown): void }): string {
  const made = mkdtempSync(join(tmpdir(), 'weft-kept-'))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  return made
}

function open(over: { directory: string; maxBytes?: number; retryMs?: number }) {
  const told: string[] = []
  const clock = { now: START }
  const kept = new KeptDatabase({
    ...{ maxBytes: 16 * MIB, memoryBytes: 16 * MIB, retryMs: 0, now: () => clock.now },
    ...{ told: (where: string, problem: string) => told.push(`${where}: ${problem}`) },
    ...over,
  })
  return { kept, told, clock }
}

function span(trace: number, text = ''): StoredSpan {
  return {
    ...{ traceId: trace.toString(16).padStart(32, '0'), spanId: 'a'.repeat(16), parentSpanId: '' },
    ...{ name: 'GET', kind: 'server', service: 'web', namespace: 'shop', pod: 'web-1' },
    ...{ startMs: START + trace, durationMs: 1, status: 'unset', statusMessage: text, attributes: {} },
  }
}

/** One request in the block of this time, a trace and an event. */
function batch(at: number, trace: number): Batch {
  const counts = noCounts()
  counts[2] = 1
  return {
    blocks: [{ at, rows: [{ table: 'destinations', key: 'web.shop', counts }] }],
    until: at + STEP,
    spans: [span(trace)],
    events: [{ at, kind: 'route', namespace: 'shop', object: 'r', service: '', text: `${trace}` }],
    now: at + STEP,
  }
}

function requests(kept: KeptDatabase, from: number, to: number): number {
  return kept.answer((database) =>
    requestsOf(database.counts({ from, to }).counts.destinations.get('web.shop') ?? []),
  )
}

const traces = (kept: KeptDatabase): number => kept.answer((database) => database.traces(ALL).length)
const events = (kept: KeptDatabase): number => kept.answer((database) => database.events(ALL).length)

t.test('a directory that could not be used takes what memory has kept, once it can be', async (t) => {
  const at = directory(t)
  const file = join(at, 'store')
  writeFileSync(file, '')
  const { kept, told, clock } = open({ directory: file })
  t.match(told.splice(0), [/^memory: .*store cannot be used: /])
  const hours = 3
  let number = 0
  for (let block = START; block < START + hours * 3_600_000; block += STEP) {
    clock.now = block + STEP
    kept.write(batch(block, ++number))
  }
  const end = clock.now
  t.same(told, [], 'said once')
  rmSync(file)
  kept.write(batch(end, ++number))
  clock.now = end + STEP
  t.same(told, ['disk: '])
  t.ok(statSync(join(file, 'telemetry.db')).size > 0)
  for (const [from, to] of [
    [START, end + STEP],
    [START + 600_000, START + 3_600_000],
    [end - 3_600_000, end],
    [end, end + STEP],
  ] as const)
    t.equal(requests(kept, from, to), (to - from) / STEP, `${(to - from) / MINUTE} minutes`)
  t.equal(traces(kept), number)
  t.equal(events(kept), number)
  kept.close()
  const again = open({ directory: file })
  again.clock.now = clock.now
  t.equal(requests(again.kept, START, end + STEP), (end + STEP - START) / STEP, 'and so it is for the next')
  again.kept.close()
})

t.test(
  'of two processes the second waits in memory until the first has gone, and adds its own',
  async (t) => {
    const at = directory(t)
    const [first, second] = [open({ directory: at }), open({ directory: at })]
    t.match(second.told.splice(0), [/^memory: .* cannot be used: another process uses it, and one alone may/])
    for (let block = 0; block < 30; block++) {
      first.clock.now = second.clock.now = START + (block + 1) * STEP
      first.kept.write(batch(START + block * STEP, 1000 + block))
      second.kept.write(batch(START + block * STEP, 2000 + block))
    }
    t.same([requests(first.kept, START, START + 30 * STEP), traces(first.kept)], [30, 30])
    t.same([requests(second.kept, START, START + 30 * STEP), traces(second.kept)], [30, 30])
    first.kept.close()
    second.kept.write(batch(START + 30 * STEP, 3000))
    t.same(second.told, ['disk: '])
    t.equal(traces(second.kept), 61)
    // Of minutes that the first had made of its blocks already.
    for (const minutes of [1, 3, 5])
      t.equal(requests(second.kept, START, START + minutes * MINUTE), 12 * minutes)
    second.kept.close()
  },
)

t.test('without room it goes on in memory, and on the disk once there is room', async (t) => {
  const at = directory(t)
  // Less than a batch takes, so that there is none whatever was let go.
  const { kept, told } = open({ directory: at, maxBytes: 300_000 })
  told.splice(0)
  const many = Array.from({ length: 1000 }, (_, n) => span(n + 1, 'x'.repeat(1000)))
  kept.write({ ...batch(START, 1), spans: many })
  t.match(told.splice(0), [/^memory: nothing more can be written to .*: there is no room for it any more$/])
  t.equal(traces(kept), 1000)
  kept.write(batch(START + STEP, 5000))
  t.same(told, ['disk: '], 'one after the other they find it, the oldest go')
  const left = traces(kept)
  t.ok(left > 10 && left < 1000, `${left} traces`)
  t.match(
    kept.answer((database) => database.traces({ ...ALL, limit: 1 })),
    [{ traceId: span(5000).traceId }, { traceId: span(1000).traceId }],
    'the newest are there',
  )
  t.equal(requests(kept, START, START + 2 * STEP), 2)
  kept.close()
})

t.test('a file that is found to be broken is moved aside, and said so', async (t) => {
  const at = directory(t)
  const file = join(at, 'telemetry.db')
  const first = open({ directory: at })
  first.kept.write({
    ...batch(START, 1),
    spans: Array.from({ length: 3000 }, (_, n) => span(n, 'x'.repeat(1000))),
  })
  first.kept.close()
  const size = statSync(file).size
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(size / 2, 0x5a), 0, Math.floor(size / 2), Math.floor(size / 4))
  closeSync(descriptor)
  const second = open({ directory: at })
  t.match(second.told, [/^disk: what was kept is now .*aside-.*, as it is broken: /])
  t.equal(readdirSync(at).filter((name) => name.includes('aside')).length, 1)
  second.kept.write(batch(START, 1))
  t.equal(traces(second.kept), 1)
  second.kept.close()
})

t.test('a clock that goes back by far leaves nothing in the future, and counts on', async (t) => {
  const { kept, told, clock } = open({ directory: directory(t) })
  told.splice(0)
  for (let block = 0; block < 340; block++) kept.write(batch(START + block * STEP, block))
  for (let block = 40; block < 100; block++) {
    clock.now = START + (block + 1) * STEP
    kept.write(batch(START + block * STEP, 1000 + block))
  }
  t.match(told, [/^disk: the clock went back by 50 minutes: /])
  t.equal(requests(kept, START, START + 100 * STEP), 100)
  t.equal(requests(kept, START, START + 10 * MINUTE), 60, 'of what was made into longer blocks, too')
  t.equal(requests(kept, START + 100 * STEP, START + 340 * STEP), 0)
  kept.close()
})

t.test('a clock that is set back by seconds loses nothing', async (t) => {
  const { kept, told, clock } = open({ directory: directory(t) })
  told.splice(0)
  for (let block = 0; block < 60; block++) kept.write(batch(START + block * STEP, block))
  for (let block = 57; block < 420; block++) {
    clock.now = START + (block + 1) * STEP
    kept.write(batch(START + block * STEP, 1000 + block))
  }
  t.same(told, [])
  // After more than an hour minutes alone are left of the beginning.
  t.equal(requests(kept, START, START + 420 * STEP), 423)
  t.equal(requests(kept, START, START + 10 * MINUTE), 63)
  kept.close()
})
