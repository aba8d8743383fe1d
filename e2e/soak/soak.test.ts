import t from 'tap'
import { parseOptions } from './options.ts'
import { judge, type Sample } from './verdict.ts'

const samples = (rss: (i: number) => number, descriptors: (i: number) => number): Sample[] =>
  Array.from({ length: 600 }, (_, i) => ({ seconds: i, rssKib: rss(i), descriptors: descriptors(i) }))

t.test('a saw of the collector is flat, also after a rise at the start', async (t) => {
  const warm = (i: number): number => 80_000 + Math.min(i, 100) * 200 + (i % 30) * 1000
  t.match(judge(samples(warm, (i) => 40 + (i % 5))), { flat: true, descriptors: [42, 42] })
})

t.test('a floor that rises is not, nor are descriptors', async (t) => {
  t.equal(
    judge(
      samples(
        (i) => 80_000 + (i % 30) * 1000 + i * 50,
        () => 40,
      ),
    ).flat,
    false,
  )
  t.equal(
    judge(
      samples(
        () => 80_000,
        (i) => 40 + Math.floor(i / 30),
      ),
    ).flat,
    false,
  )
})

t.test('options', async (t) => {
  t.match(parseOptions([]), { seconds: 600, load: 0.6, json: false, help: false })
  t.match(parseOptions(['--seconds', '30', '--load', '0.1', '--json']), {
    seconds: 30,
    load: 0.1,
    json: true,
  })
  t.throws(() => parseOptions(['--seconds', '1']), { code: 'cli.flags', message: /--seconds must be/ })
  t.throws(() => parseOptions(['--load', '2']), { message: /--load must be/ })
  t.throws(() => parseOptions(['more']), { code: 'cli.flags' })
})
