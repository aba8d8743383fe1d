import t from 'tap'
import { parseOptions } from './options.ts'
import { passed, report, rotate } from './run.ts'

t.test('options', async (t) => {
  t.match(parseOptions([]), { roots: 10, seconds: 0, leafSeconds: 60, skewSeconds: 0, json: false })
  t.match(parseOptions(['--roots', '1', '--skew-seconds=-300', '--leaf-seconds', '3000']), {
    skewSeconds: -300,
  })
  for (const [argv, message] of [
    [['--roots', 'x'], /--roots must be a whole number from 0 to 100, not "x"/],
    [['--skew-seconds', '301'], /--skew-seconds must be .* from -300 to 300/],
    [['--skew-seconds', '60'], /--leaf-seconds must be ten times --skew-seconds at least, 600/],
    [['--wrong'], /--wrong/],
  ] as const)
    t.throws(() => parseOptions(argv), { message })
})

t.test('a root is changed under load, with a clock that is 5 minutes off, and nothing fails', async (t) => {
  const options = parseOptions(['--roots', '1', '--skew-seconds', '300', '--leaf-seconds', '3000'])
  const result = await rotate(options, t, () => {})
  t.ok(passed(result), report(result, options))
  t.comment(report(result, options))
})
