import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { headOf } from '../steps/testing/requests.ts'
import { KEPT_DEFAULTS, KeptSpans } from './kept-spans.ts'
import { sampleRecord } from './testing/sample-spans.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const HEAD = headOf('/', ['traceparent', `00-${TRACE}-${SPAN}-00`, 'tracestate', 'a=1'])

function setUp(settings = KEPT_DEFAULTS) {
  const clock = new ManualClock()
  const leftOut = { refused: 0, kept: 0 }
  const kept = new KeptSpans(clock, settings, {
    refused: () => void leftOut.refused++,
    kept: () => void leftOut.kept++,
  })
  return { clock, leftOut, kept }
}

t.test('what failed or was slow is kept, and nothing else', async (t) => {
  const { kept } = setUp({ aSecond: 100, slowMs: 1000 })
  const { DC, UC, DI } = ResponseFlag
  for (const [change, why] of [
    [{}, undefined],
    [{ status: 404 }, undefined],
    [{ status: 500 }, 'error'],
    [{ status: 503, flags: ResponseFlag.UH }, 'error'],
    [{ flags: UC }, 'error'],
    [{ status: 0, flags: DC }, undefined],
    [{ status: 0, flags: DC, answerMs: -1, durationMs: 5000 }, 'slow'],
    [{ status: 0 }, 'error'],
    [{ grpcStatus: 14 }, 'error'],
    [{ grpcStatus: 5 }, undefined],
    [{ answerMs: 1000 }, 'slow'],
    [{ answerMs: 999, flags: DI }, undefined],
    // A stream that began soon may last for days.
    [{ answerMs: 5, durationMs: 86_400_000 }, undefined],
    [{ status: 500, trace: 'none' }, undefined],
  ] as const)
    t.equal(kept.request(sampleRecord(change), HEAD)?.kept, why, JSON.stringify(change))
})

t.test('its span hangs where a sampled one would', async (t) => {
  const { kept } = setUp()
  const failed = sampleRecord({ status: 500, trace: 'continued' })
  const continued = kept.request(failed, HEAD)
  t.match(continued, { traceId: TRACE, parentSpanId: SPAN, traceState: 'a=1' })
  t.not(continued?.spanId, SPAN)
  // The next hop was told of this span.
  t.match(kept.request({ ...failed, trace: 'began' }, HEAD), {
    traceId: TRACE,
    spanId: SPAN,
    parentSpanId: '',
  })
  t.equal(kept.request(failed, headOf('/')), undefined, 'a route took its context away')
})

t.test('so many a second of each kind, so that one leaves room for the others', async (t) => {
  const { clock, leftOut, kept } = setUp({ aSecond: 3, slowMs: 1000 })
  const count = (one: () => unknown, times: number): number =>
    Array.from({ length: times }, one).filter((span) => span !== undefined).length
  const failed = (): unknown => kept.request(sampleRecord({ status: 500 }), HEAD)
  const slow = (): unknown => kept.request(sampleRecord({ answerMs: 2000 }), HEAD)
  const refused = (): unknown =>
    kept.refusal({ policy: 'none', decision: 'denied', reference: TRACE, logged: false })
  t.same([count(failed, 10), count(slow, 10), count(refused, 20)], [3, 3, 10])
  t.same(leftOut, { refused: 10, kept: 14 })
  clock.advance(999)
  t.equal(count(failed, 1), 0)
  clock.advance(1)
  t.same([count(failed, 10), count(refused, 1)], [3, 1])
  kept.settings = { aSecond: 0, slowMs: 0 }
  clock.advance(1000)
  const before = leftOut.kept
  t.same([count(failed, 10), count(slow, 10), count(refused, 1)], [0, 0, 1])
  t.equal(leftOut.kept, before, 'off is not too many')
})
