import t from 'tap'
import type { MeshEvent } from '../../../core/api/traffic.ts'
import { EventLog } from './event-log.ts'

const event = (at: number, change: Partial<MeshEvent> = {}): MeshEvent => ({
  at,
  kind: 'route',
  namespace: 'shop',
  object: 'HTTPRoute/catalog',
  service: 'catalog.shop',
  text: `changed at ${at}`,
  ...change,
})
const ALL = { from: 0, to: Infinity, limit: 100 }

t.test('the newest come first, of the range, the namespace and the Service that are asked for', async (t) => {
  const log = new EventLog()
  for (const at of [30, 10, 20]) log.add(event(at))
  log.add(event(25, { namespace: 'other', service: 'x.other' }))
  const times = (query: object) => log.search({ ...ALL, ...query }).map(({ at }) => at)
  t.strictSame(times({}), [30, 25, 20, 10])
  t.strictSame(times({ from: 20, to: 30 }), [25, 20], 'the end is not of it')
  t.strictSame(times({ namespace: 'shop' }), [30, 20, 10])
  t.strictSame(times({ service: 'x.other' }), [25])
  t.strictSame(times({ limit: 1 }), [30, 25], 'one more says that there are more')
})

t.test('the oldest go, and a text has an end', async (t) => {
  const log = new EventLog(100)
  for (let at = 0; at < 1000; at++) log.add(event(at))
  t.ok(log.size <= 110, `${log.size}`)
  t.strictSame(
    log.search({ ...ALL, limit: 1 }).map(({ at }) => at),
    [999, 998],
  )
  log.add(event(1000, { text: `${'x'.repeat(298)}😀${'y'.repeat(50)}` }))
  const [long] = log.search(ALL)
  t.equal(long?.text.length, 300)
  t.ok(long?.text.isWellFormed())
  t.ok(long?.text.endsWith('…'))
})

t.test('whoever listens hears of each, until it is enough', async (t) => {
  const log = new EventLog()
  const heard: number[] = []
  const end = log.onEvent(({ at }) => heard.push(at))
  log.add(event(1))
  end()
  log.add(event(2))
  t.strictSame(heard, [1])
})
