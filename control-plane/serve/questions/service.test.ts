import { once } from 'node:events'
import { Metadata } from '@grpc/grpc-js'
import t from 'tap'
import { Questions } from '../../../core/xds/generated/weft.js'
import { answerQuestions } from '../../../proxy/questions/questions.ts'
import { CALLER, fakeSidecars } from './testing/fake-call.ts'
import { questionsOverGrpc } from './testing/over-grpc.ts'

t.test('answers go to their questions, in whatever order they come', async (t) => {
  const { service, connect, clock } = fakeSidecars()
  const call = connect()
  t.ok(service.has('shop/web-1'))
  const first = service.ask('shop/web-1', 'explain', { to: 'a' })
  const second = service.ask('shop/web-1', 'explain', { to: 'b' })
  t.match(call.asked, [
    { kind: 'explain', json: '{"to":"a"}' },
    { kind: 'explain', json: '{"to":"b"}' },
  ])
  const [one = 0, two = 0] = call.asked.map(({ id }) => id ?? 0)
  t.not(one, two)
  call.say({ id: two, json: '"b"' })
  call.say({ id: one, json: '"a"' })
  t.strictSame(await Promise.all([first, second]), ['a', 'b'])
  t.equal(clock.pending, 0, 'no timer is left behind')
})

t.test('what was not asked, or is answered twice, changes nothing', async (t) => {
  const { service, connect } = fakeSidecars()
  const call = connect()
  call.say({ id: 77, json: '"early"' })
  call.say({})
  const asked = service.ask('shop/web-1', 'explain', {})
  const id = call.asked[0]?.id ?? 0
  call.say({ id: id + 1, json: '"of another"' })
  // Whoever answers speaks for itself: the pod of its first message stays.
  call.say({ id: 99, pod: 'pay-1' })
  call.say({ id, json: '"its own"' })
  call.say({ id, json: '"again"' })
  t.equal(await asked, 'its own')
  t.notOk(service.has('shop/pay-1'))
})

t.test('a sidecar that never answers, says that it cannot, or talks nonsense', async (t) => {
  const { service, connect, clock } = fakeSidecars()
  const call = connect()
  const silent = service.ask('shop/web-1', 'explain', {})
  clock.advance(7999)
  const late = t.rejects(silent, {
    code: 'questions.failed',
    message: 'the sidecar of shop/web-1 did not answer within 8 s',
  })
  clock.advance(1)
  await late
  call.say({ id: call.asked[0]?.id ?? 0, json: '"too late"' })
  for (const [answer, message] of [
    [{ error: 'no such listener' }, 'the sidecar of shop/web-1 says: no such listener'],
    [{ error: 'x'.repeat(5000), json: '"and an answer"' }, /says: x{1000}$/],
    [{ json: '{"a":' }, 'the sidecar of shop/web-1 answered with what is no JSON'],
    [{}, 'the sidecar of shop/web-1 answered with what is no JSON'],
  ] as const) {
    const asked = service.ask('shop/web-1', 'explain', {})
    call.say({ id: call.asked.at(-1)?.id ?? 0, ...answer })
    await t.rejects(asked, { code: 'questions.failed', message })
  }
  await t.rejects(service.ask('shop/other', 'explain', {}), { code: 'questions.no_proxy' })
  t.equal(clock.pending, 0)
})

t.test('sixteen wait for one sidecar, and none of another', async (t) => {
  const { service, connect } = fakeSidecars()
  const call = connect()
  const other = connect({ ...CALLER, pod: { name: 'web-2', uid: 'v' } })
  const waiting = Array.from({ length: 16 }, () => service.ask('shop/web-1', 'explain', {}))
  await t.rejects(service.ask('shop/web-1', 'explain', {}), {
    code: 'questions.failed',
    message: 'the sidecar of shop/web-1 has 16 questions to answer: ask again',
  })
  t.equal(call.asked.length, 16, 'it is not told of the one that was turned away')
  const beside = service.ask('shop/web-2', 'explain', {})
  other.say({ id: other.asked[0]?.id ?? 0, json: '2' })
  t.equal(await beside, 2)
  const [first] = call.asked
  call.say({ id: first?.id ?? 0, json: '1' })
  const next = service.ask('shop/web-1', 'explain', {})
  for (const { id = 0 } of call.asked.slice(1)) call.say({ id, json: '1' })
  t.strictSame(await Promise.all([...waiting, next]), Array<number>(17).fill(1))
})

t.test('a stream that ends: who waits is told, and the one that came instead stays', async (t) => {
  const { service, connect, clock } = fakeSidecars()
  const first = connect()
  const lost = service.ask('shop/web-1', 'explain', {})
  const second = connect()
  const gone = t.rejects(lost, { code: 'questions.failed', message: 'the sidecar of shop/web-1 has gone' })
  first.emit('cancelled')
  first.emit('error', new Error('broken'))
  await gone
  t.ok(service.has('shop/web-1'))
  const asked = service.ask('shop/web-1', 'explain', {})
  // An answer on the stream before is none to a question of this one.
  first.say({ id: second.asked[0]?.id ?? 0, json: '"of the first"' })
  second.say({ id: second.asked[0]?.id ?? 0, json: '"of the second"' })
  t.equal(await asked, 'of the second')
  second.emit('end')
  t.ok(second.ended)
  t.notOk(service.has('shop/web-1'))
  t.equal(clock.pending, 0)
})

t.test(
  'a token that is bound to a pod speaks for that alone, and one that is not for its namespace',
  async (t) => {
    const { service, connect } = fakeSidecars()
    connect(CALLER, { id: 0, pod: 'pay-1' })
    t.ok(service.has('shop/web-1'))
    t.notOk(service.has('shop/pay-1'))
    connect({ ...CALLER, pod: undefined }, { id: 0, pod: 'pay-1' })
    t.ok(service.has('shop/pay-1'))
    t.notOk(service.has('payments/pay-1'))
  },
)

t.test(
  'over gRPC: an answer of its longest passes, and one that is longer than is read ends the stream',
  async (t) => {
    const { service, client } = await questionsOverGrpc(t)
    const kinds = { text: async (length: unknown) => 'x'.repeat(length as number) }
    const end = answerQuestions(client, new Metadata(), { pod: 'web-1', longest: 3 << 20, kinds })
    t.teardown(end)
    // Its first message has come once it is known.
    while (!service.has('shop/web-1')) await new Promise((resolve) => setImmediate(resolve))
    const longest = 512 * 1024 - 2
    t.equal(((await service.ask('shop/web-1', 'text', longest)) as string).length, longest)
    await t.rejects(service.ask('shop/web-1', 'text', 2 << 20), {
      message: 'the sidecar of shop/web-1 has gone',
    })
    t.notOk(service.has('shop/web-1'))
    end()
    const { path, requestSerialize, responseDeserialize } = Questions.answer
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    stream.on('error', () => {})
    stream.write({ id: 0, pod: 'web-1' })
    while (!service.has('shop/web-1')) await new Promise((resolve) => setImmediate(resolve))
    const asked = service.ask('shop/web-1', 'text', 1)
    const told = t.rejects(asked, { message: 'the sidecar of shop/web-1 has gone' })
    await once(stream, 'data')
    stream.cancel()
    await told
  },
)
