import t from 'tap'
import { parseOptions } from './options.ts'

t.test('options', async (t) => {
  t.match(parseOptions([]), { messages: 200_000, proxies: ['nginx', 'haproxy'], json: false })
  t.match(parseOptions(['--messages', '10', '--seed', '7', '--peers', '-', '--json']), {
    messages: 10,
    seed: 7,
    proxies: [],
    json: true,
  })
  t.throws(() => parseOptions(['--messages', '0']), { code: 'cli.flags', message: /--messages must be/ })
  t.throws(() => parseOptions(['--seed', '-1']), { code: 'cli.flags' })
  t.throws(() => parseOptions(['--seed', '1e3']), { message: /--seed must be/ })
  t.throws(() => parseOptions(['--peers', 'envoy']), { message: /--peers has "envoy"/ })
  t.throws(() => parseOptions(['more']), { code: 'cli.flags' })
})
