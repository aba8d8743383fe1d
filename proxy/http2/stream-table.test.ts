import t from 'tap'
import { seeded } from '../testing/seeded-random.ts'
import { grownBy } from '../testing/young-garbage.ts'
import { StreamTable } from './stream-table.ts'
import type { Http2Stream } from './stream.ts'

function stream(id: number): Http2Stream {
  return { id, payload: Array.from({ length: 100 }, () => id) } as unknown as Http2Stream
}

function ids(table: StreamTable): number[] {
  return table.all().map(({ id }) => id)
}

await t.test('holds what a Map would hold', (t) => {
  const random = seeded(7)
  const table = new StreamTable()
  const expected = new Map<number, Http2Stream>()
  let next = 1
  for (let step = 0; step < 20_000; step++) {
    // Grows to some hundreds and back, and whatever lives long is lapped by what comes.
    const most = 10 + 300 * Math.abs(Math.sin(step / 2000))
    if (expected.size < most * random()) {
      const one = stream(next)
      next += 2
      table.add(one)
      expected.set(one.id, one)
    } else {
      // Mostly one of the newest.
      const open = [...expected.values()]
      const gone = open[Math.floor(open.length * random() ** 0.1)]
      if (gone) {
        table.delete(gone)
        table.delete(gone)
        expected.delete(gone.id)
      }
    }
    const asked = 1 + 2 * Math.floor((random() * next) / 2)
    if (table.get(asked) !== expected.get(asked) || table.size !== expected.size)
      t.fail(`step ${step}: other than a Map`)
  }
  t.same(
    ids(table),
    [...expected.keys()].sort((a, b) => a - b),
  )
  table.clear()
  t.equal(table.size, 0)
  t.same(ids(table), [])
  t.end()
})

await t.test('finds streams that many others came after', (t) => {
  const table = new StreamTable()
  const long = [1, 3, 33].map(stream)
  for (const one of long) table.add(one)
  for (let id = 35; id < 4001; id += 2) {
    const one = stream(id)
    table.add(one)
    const found = table.get(id)
    table.delete(one)
    if (found !== one || table.get(id) !== undefined) t.fail(`stream ${id}`)
  }
  t.same(
    long.map(({ id }) => table.get(id)),
    long,
  )
  for (const one of long) table.delete(one)
  t.equal(table.size, 0)
  t.end()
})

await t.test('no stream that is gone stays alive, however old the table', (t) => {
  const table = new StreamTable()
  const open: Http2Stream[] = []
  let next = 1
  const churn = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const one = stream(next)
      next += 2
      table.add(one)
      open.push(one)
      if (open.length > 64) table.delete(open.shift() as Http2Stream)
    }
  }
  churn(100)
  // 20,000 streams of 800 bytes at least come and go; a Map keeps 18 MiB of them alive.
  t.ok(grownBy(() => churn(20_000)) < 2 ** 20)
  t.end()
})
