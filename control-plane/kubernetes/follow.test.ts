import t, { type Test } from 'tap'
import { createLogger } from '../../core/log.ts'
import { followObjects, type FollowOptions, type KubernetesObject } from './follow.ts'
import { FakeApi } from './testing/fake-api.ts'

const PATH = '/api/v1/configmaps'
const at = (namespace: string, name = 'weft-ca') => `/api/v1/namespaces/${namespace}/configmaps/${name}`

async function setUp(t: Test, change: Partial<FollowOptions> = {}) {
  const api = await FakeApi.start(t)
  const lines: string[] = []
  const told: string[] = []
  const followed = followObjects({
    connection: api.connect(t),
    path: PATH,
    name: 'weft-ca',
    retry: { baseMs: 2, maxMs: 10 },
    log: createLogger('test', 'info', (line) => lines.push(line)),
    onObject: (key, object: KubernetesObject | undefined) => told.push(`${object ? '+' : '-'}${key}`),
    ...change,
  })
  t.teardown(() => followed.close())
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve))
  }
  const lists = () => api.asked.filter((asked) => asked === `GET ${PATH}`).length
  return { api, followed, told, lines, until, lists }
}

t.test('objects of a name are told as they come, change and go', async (t) => {
  const { api, followed, told, until } = await setUp(t)
  api.put(at('a'), { data: { x: '1' } })
  api.put(at('a', 'other'), {})
  await until(() => followed.objects.has('a/weft-ca'))
  api.put(at('b'), {})
  await until(() => followed.objects.size === 2)
  api.put(at('a'), { data: { x: '2' } })
  await until(() => JSON.stringify(followed.objects.get('a/weft-ca')?.['data']) === '{"x":"2"}')
  api.remove(at('a'))
  await until(() => !followed.objects.has('a/weft-ca'))
  t.ok(told.includes('-a/weft-ca'))
  t.notOk(told.some((one) => one.includes('other')))
})

t.test('the answer to a write that comes after the deletion brings nothing back', async (t) => {
  const { api, followed, until } = await setUp(t)
  api.put(at('b'), {})
  await until(() => followed.objects.has('b/weft-ca') && api.watches === 1)
  const answer = api.put(at('a'), { data: { x: '1' } })
  await until(() => followed.objects.has('a/weft-ca'))
  api.remove(at('a'))
  await until(() => !followed.objects.has('a/weft-ca'))
  followed.wrote(answer)
  t.notOk(followed.objects.has('a/weft-ca'))
  const next = api.put(at('c'), { data: { x: '1' } })
  followed.wrote(next)
  t.ok(followed.objects.has('c/weft-ca'), 'that of one whose event is still to come is taken')
})

t.test('what happened while a watch was broken is told after it', async (t) => {
  const { api, followed, told, until, lines } = await setUp(t)
  api.put(at('a'), {})
  api.put(at('b'), {})
  const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }
  for (const error of [undefined, gone]) {
    await until(() => followed.objects.size === 2 && followed.objects.has('a/weft-ca') && api.watches === 1)
    // No list is answered before both have happened.
    let open = () => {}
    const held = new Promise<void>((resolve) => (open = resolve))
    api.hold = () => held
    api.breakWatches(error)
    await until(() => api.watches === 0)
    api.remove(at('a'))
    api.put(at('c'), {})
    open()
    await until(() => followed.objects.has('c/weft-ca') && !followed.objects.has('a/weft-ca'))
    t.ok(told.includes('-a/weft-ca'))
    told.length = 0
    api.remove(at('c'))
    api.put(at('a'), {})
  }
  t.notOk(
    lines.some((line) => line.includes('cannot go on')),
    'a compaction is nothing wrong',
  )
})

t.test('a watch that hangs in silence is given up, and everything is listed again', async (t) => {
  const { until, lists, api } = await setUp(t, { watchMs: 5, graceMs: 5 })
  await until(() => lists() >= 3)
  t.ok(api.watches <= 1, 'none is left behind')
})

t.test('a server that refuses is told of once, and asked less and less', async (t) => {
  const api = await FakeApi.start(t)
  api.hook = () => ({ status: 403, body: { kind: 'Status', message: 'no', reason: 'Forbidden', code: 403 } })
  const lines: string[] = []
  const keys: string[] = []
  const followed = followObjects({
    connection: api.connect(t),
    path: PATH,
    retry: { baseMs: 1, maxMs: 4 },
    log: createLogger('test', 'info', (line) => lines.push(line)),
    onObject: (key) => keys.push(key),
  })
  t.teardown(() => followed.close())
  while (api.asked.length < 6) await new Promise((resolve) => setImmediate(resolve))
  t.equal(lines.length, 1)
  t.match(lines[0], /cannot be followed now.*list configmaps.*403.*grant verb/)
  api.put(at('a'), {})
  api.hook = () => undefined
  while (keys.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(keys, ['a/weft-ca'])
  followed.close()
  const asked = api.asked.length
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  t.equal(api.asked.length, asked, 'closed is closed')
})
