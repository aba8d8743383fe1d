import { setImmediate as turn } from 'node:timers/promises'
import { Metadata } from '@grpc/grpc-js'
import t from 'tap'
import type { TappedRequest } from '../../../core/api/tap.ts'
import { answerQuestions } from '../../../proxy/questions/questions.ts'
import { Taps, type RequestListener } from '../../../proxy/telemetry/taps/taps.ts'
import { OWN, testRequest } from '../../../proxy/telemetry/testing/all-families.ts'
import { fakeSidecars } from './testing/fake-call.ts'
import { questionsOverGrpc } from './testing/over-grpc.ts'

const TAP = { kind: 'tap', question: { rate: 1 }, renewMs: 20_000 }

function following() {
  const told: unknown[] = []
  const over: string[] = []
  return {
    told,
    over,
    follower: {
      told: (answer: unknown) => void told.push(answer),
      over: (reason: string) => void over.push(reason),
    },
  }
}

t.test('answers follow until it is ended, and it is asked again in between', async (t) => {
  const { service, connect, clock } = fakeSidecars()
  const call = connect()
  t.same([...service.pods()], ['shop/web-1'])
  const { told, over, follower } = following()
  const end = service.follow('shop/web-1', TAP, follower)
  const id = call.asked[0]?.id ?? 0
  t.same(call.asked, [{ id, kind: 'tap', json: '{"rate":1}' }])
  call.say({ id, json: '1', more: true })
  call.say({ id: id + 1, json: '"of another"', more: true })
  call.say({ id, json: '2', more: true })
  t.same(told, [1, 2])
  clock.advance(20_000)
  t.same(call.asked[1], call.asked[0], 'again')
  call.say({ id, json: '3', more: true })
  end()
  t.same(call.asked.at(-1), { id, end: true })
  call.say({ id, json: '4', more: true })
  end()
  t.same([told, over, call.asked.length], [[1, 2, 3], [], 3])
  t.equal(clock.pending, 0)
})

t.test('whoever says nothing, too much, nonsense, no more, or goes is left', async (t) => {
  for (const [what, reason, does] of [
    ['silence', 'did not answer within 8 s', (_say, clock) => clock.advance(8000)],
    [
      'silence when it is asked again',
      'did not answer within 8 s',
      (say, clock) => {
        say({ json: '1', more: true })
        clock.advance(28_000)
      },
    ],
    [
      'a flood',
      'tells more than it was asked for',
      (say) => {
        for (let i = 0; i < 61; i++) say({ json: '1', more: true })
      },
    ],
    [
      'an answer of 1 MiB',
      'tells more than it was asked for',
      (say) => say({ json: `"${'x'.repeat(1 << 20)}"`, more: true }),
    ],
    ['no JSON', 'tells what cannot be read', (say) => say({ json: '{', more: true })],
    [
      'an older one',
      'says: this sidecar knows no question "tap"',
      (say) => say({ error: 'this sidecar knows no question "tap"' }),
    ],
    ['one answer alone', 'says: ', (say) => say({ json: '1' })],
  ] as readonly (readonly [
    string,
    string,
    (say: (message: object) => void, clock: { advance(ms: number): void }) => void,
  ])[]) {
    const { service, connect, clock } = fakeSidecars()
    const call = connect()
    const { over, follower } = following()
    service.follow('shop/web-1', TAP, follower)
    does((message) => call.say({ id: call.asked[0]?.id ?? 0, ...message }), clock)
    t.same(over, [reason], what)
    t.equal(clock.pending, 0, what)
  }
  const { service, connect } = fakeSidecars()
  const call = connect()
  const seen: string[] = []
  service.watch((pod) => seen.push(`${pod} ${service.has(pod)}`))
  const { over, follower } = following()
  service.follow('shop/web-1', TAP, follower)
  call.emit('cancelled')
  t.same([over, seen], [['has gone'], ['shop/web-1 false']])
  connect()
  t.same(seen.at(-1), 'shop/web-1 true')
  service.follow('shop/none', TAP, follower)
  t.match(over.at(-1), /connected to no control plane/)
  for (let i = 0; i < 16; i++) service.follow('shop/web-1', TAP, follower)
  service.follow('shop/web-1', TAP, follower)
  t.same(over.slice(2), ['is followed by too many already'])
})

t.test('over gRPC: a sidecar is tapped, and its control plane goes away', async (t) => {
  const { service, client } = await questionsOverGrpc(t)
  const heard: { listener: RequestListener | undefined } = { listener: undefined }
  const taps = new Taps({ resource: OWN, listen: (one) => (heard.listener = one) })
  const close = answerQuestions(client, new Metadata(), {
    pod: 'web-1',
    kinds: {},
    followed: { tap: (...asked) => taps.open(...asked) },
  })
  t.teardown(close)
  while (!service.has('shop/web-1')) await turn()
  const { told, over, follower } = following()
  const question = { filter: { path: '/items' }, rate: 1000, headers: false }
  const end = service.follow('shop/web-1', { ...TAP, question }, follower)
  while (told.length === 0) await turn()
  const head = { method: 'GET', scheme: 'http', authority: 'a', path: '/', fields: [], upgrade: '' }
  for (let i = 0; i < 2500; i++)
    heard.listener?.(testRequest('outbound', { path: i < 1500 ? '/items' : '/else' }), head, false)
  const batches = (): { requests: TappedRequest[]; skipped: number }[] => told as never
  const sum = (): number =>
    batches().reduce((all, { requests, skipped }) => all + requests.length + skipped, 0)
  while (sum() < 1500) await turn()
  t.equal(sum(), 1500, 'shown or counted')
  end()
  while (heard.listener) await turn()
  const bad = following()
  service.follow('shop/web-1', { ...TAP, question: { ...question, rate: 0 } }, bad.follower)
  while (bad.over.length === 0) await turn()
  t.match(bad.over, [/says: rate: must be a whole number/])
  service.follow('shop/web-1', { ...TAP, question }, follower)
  while (!heard.listener) await turn()
  await service.close()
  while (heard.listener) await turn()
  t.same(over, ['has gone'])
})
