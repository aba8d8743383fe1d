import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Metadata, status, type Client } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { ManualClock } from '../../core/clock.ts'
import type { AnswerRequest, QuestionResponse } from '../../core/xds/generated/weft.js'
import { answerQuestions, type Answerer } from './questions.ts'

/** The control plane's end of a stream, in memory. */
class FakeStream extends EventEmitter {
  readonly written: AnswerRequest[] = []
  writable = true
  cancelled = false

  write(message: AnswerRequest): void {
    this.written.push(message)
  }

  cancel(): void {
    this.cancelled = true
    this.fail(status.CANCELLED)
  }

  ask(question: QuestionResponse): void {
    this.emit('data', question)
  }

  /** As grpc-js ends a stream: what was an error is an end as well. */
  fail(code: number): void {
    this.writable = false
    this.emit('error', { code })
    this.emit('end')
  }
}

function setUp(t: Test, kinds: Readonly<Record<string, Answerer>>, longest?: number) {
  const streams: FakeStream[] = []
  const clock = new ManualClock()
  const client = {
    makeBidiStreamRequest: (path: string) => {
      t.equal(path, '/weft.v1.Questions/Answer')
      const stream = new FakeStream()
      streams.push(stream)
      return stream
    },
  } as unknown as Client
  const end = answerQuestions(client, new Metadata(), {
    pod: 'web-1',
    kinds,
    clock,
    ...(longest !== undefined && { longest }),
  })
  t.teardown(end)
  const newest = (): FakeStream => streams.at(-1) as FakeStream
  return { streams, clock, end, newest }
}

t.test('it says which pod it is, and answers by kind', async (t) => {
  const { newest } = setUp(t, {
    double: async (question) => (question as { of: number }).of * 2,
    broken: async () => Promise.reject(new Error('there is no such listener')),
    nothing: async () => undefined,
  })
  const stream = newest()
  stream.ask({ id: 1, kind: 'double', json: '{"of":4}' })
  stream.ask({ id: 2, kind: 'broken', json: '{}' })
  stream.ask({ id: 3, kind: 'toString', json: '{}' })
  stream.ask({ id: 4, kind: 'x'.repeat(5000), json: '{}' })
  stream.ask({ id: 5, kind: 'double', json: '{"of' })
  stream.ask({})
  stream.ask({ id: 6, kind: 'nothing', json: '1' })
  await turn()
  const [hello, ...answers] = stream.written
  t.strictSame(hello, { id: 0, pod: 'web-1' })
  const byId = new Map(answers.map((one) => [one.id, one]))
  t.strictSame(byId.get(1), { id: 1, json: '8' })
  t.strictSame(byId.get(2), { id: 2, error: 'there is no such listener' })
  t.strictSame(byId.get(3), { id: 3, error: 'this sidecar knows no question "toString"' })
  t.equal(byId.get(4)?.error?.length, 'this sidecar knows no question ""'.length + 40)
  t.match(byId.get(5)?.error, /JSON/)
  t.match(byId.get(0)?.error, 'knows no question ""')
  t.strictSame(byId.get(6), { id: 6, json: 'null' }, 'what is undefined is no answer of JSON')
})

t.test('an answer that is too long is told instead of sent', async (t) => {
  const { newest } = setUp(t, { text: async (question) => 'x'.repeat(question as number) }, 12)
  newest().ask({ id: 1, kind: 'text', json: '10' })
  newest().ask({ id: 2, kind: 'text', json: '11' })
  await turn()
  t.strictSame(newest().written.slice(1), [
    { id: 1, json: `"${'x'.repeat(10)}"` },
    { id: 2, error: 'the answer is longer than 12 characters' },
  ])
})

t.test('eight at once; what finds no answer gives its place back', async (t) => {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const { newest, clock } = setUp(t, {
    wait: () => held,
    never: () => new Promise(() => {}),
    now: async () => 1,
  })
  const stream = newest()
  stream.ask({ id: 1, kind: 'wait', json: '1' })
  for (let id = 2; id <= 8; id++) stream.ask({ id, kind: 'never', json: '1' })
  stream.ask({ id: 9, kind: 'now', json: '1' })
  await turn()
  t.strictSame(stream.written.slice(1), [{ id: 9, error: 'too many questions at once: ask again' }])
  release()
  await turn()
  stream.ask({ id: 10, kind: 'now', json: '1' })
  await turn()
  t.match(stream.written.slice(2), [{ id: 1 }, { id: 10, json: '1' }])
  clock.advance(10_000)
  await turn()
  t.strictSame(
    stream.written.slice(4),
    [2, 3, 4, 5, 6, 7, 8].map((id) => ({ id, error: 'there was no answer within 10 s' })),
  )
  for (let id = 11; id <= 18; id++) stream.ask({ id, kind: 'now', json: '1' })
  await turn()
  t.ok(stream.written.slice(11).every(({ json }) => json === '1'))
  t.equal(clock.pending, 0, 'no timer is left behind')
})

t.test('a stream that ends is opened anew, and what was under way is not told to another', async (t) => {
  let release = (): void => {}
  const { streams, clock, newest, end } = setUp(t, {
    wait: () => new Promise<void>((resolve) => (release = resolve)),
  })
  newest().ask({ id: 1, kind: 'wait', json: '1' })
  await turn()
  newest().fail(status.UNAVAILABLE)
  t.equal(streams.length, 1, 'not at once: all sidecars would come together')
  clock.advance(29_999)
  t.equal(streams.length, 1)
  clock.advance(1)
  t.equal(streams.length, 2, 'once, though it was an error and an end')
  release()
  await turn()
  t.strictSame(
    streams.map(({ written }) => written.length),
    [1, 1],
  )
  newest().emit('end')
  clock.advance(30_000)
  t.equal(streams.length, 3)
  end()
  t.ok(newest().cancelled)
  clock.advance(120_000)
  t.equal(streams.length, 3, 'whoever has closed it wants no other')
})

t.test('a control plane that asks nothing is not asked to again', async (t) => {
  const { streams, clock, newest } = setUp(t, {})
  newest().fail(status.UNIMPLEMENTED)
  clock.advance(3_600_000)
  t.equal(streams.length, 1)
})
