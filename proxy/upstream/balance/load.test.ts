import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { LEAST_REQUEST, PEAK_EWMA } from '../../testing/static-configuration.ts'
import { FakeTarget } from './testing/fake-target.ts'

function start(policy = PEAK_EWMA.policy) {
  const clock = new ManualClock(1_000_000)
  const target = new FakeTarget(1, policy, clock)
  /** A request whose answer takes so long. */
  const answered = (ms: number, status = 200, retryAfterMs = 0): void => {
    const request = target.begin()
    clock.advance(ms)
    target.end(request, status, 'answered', retryAfterMs)
  }
  return { clock, target, answered, load: target.load }
}

t.test('a longer latency counts at once, a shorter one bit by bit', async (t) => {
  const { clock, answered, load } = start()
  t.ok(Number.isNaN(load.latency(clock.now())), 'nothing is known')
  answered(20)
  t.equal(load.latency(clock.now()), 20)
  answered(300)
  t.equal(load.latency(clock.now()), 300, 'the peak')
  clock.advance(9_980)
  answered(20)
  const expected = 300 / Math.E + 20 * (1 - 1 / Math.E)
  t.ok(Math.abs(load.latency(clock.now()) - expected) < 1e-6, 'a decay later')
})

t.test(
  'what was not measured for long is forgotten, so that nobody waits for ever to be tried',
  async (t) => {
    const { clock, answered, load } = start()
    answered(1000)
    clock.advance(10_000)
    t.ok(Math.abs(load.latency(clock.now()) - 1000 / Math.E) < 1e-6)
    clock.advance(100_000)
    t.equal(load.latency(clock.now()), 1, 'differences below a millisecond say nothing')
  },
)

t.test('a failed answer counts for the penalty, which decays', async (t) => {
  for (const status of [500, 503, 599, 429]) {
    const { clock, answered, load } = start()
    answered(1, status)
    t.equal(load.penalty(clock.now()), 5000, String(status))
    clock.advance(10_000)
    t.ok(Math.abs(load.penalty(clock.now()) - 5000 / Math.E) < 1e-6, String(status))
  }
  for (const status of [101, 200, 304, 400, 404, 499]) {
    const { clock, answered, load } = start()
    answered(1, status)
    t.equal(load.penalty(clock.now()), 0, String(status))
  }
})

t.test('so do resets, time-outs, refusals and failed connects, and not what we gave up', async (t) => {
  for (const outcome of ['shed', 'reset', 'timeout', 'refused', 'connect-failure', 'cancelled'] as const) {
    const { clock, target, load } = start()
    const request = target.begin()
    clock.advance(40)
    target.end(request, 0, outcome)
    t.equal(load.penalty(clock.now()), outcome === 'cancelled' ? 0 : 5000, outcome)
    t.equal(load.latency(clock.now()), 40, `${outcome}: it has kept us waiting, for what that says`)
  }
})

t.test('a failure at once is no low latency', async (t) => {
  const { clock, answered, load } = start()
  answered(50)
  answered(0, 500)
  t.equal(load.latency(clock.now()), 50)
  const other = start()
  other.answered(0, 500)
  t.ok(Number.isNaN(other.load.latency(other.clock.now())))
})

t.test('Retry-After holds the penalty up, for 300 s at most', async (t) => {
  const { clock, answered, load } = start()
  answered(0, 429, 60_000)
  clock.advance(59_999)
  t.equal(load.penalty(clock.now()), 5000)
  answered(0)
  t.equal(load.penalty(clock.now()), 5000, 'also where another request was answered meanwhile')
  answered(0, 503)
  clock.advance(10_001)
  t.ok(Math.abs(load.penalty(clock.now()) - 5000 / Math.E) < 1e-3)
  answered(0, 503, 86_400_000)
  clock.advance(300_000)
  t.equal(load.penalty(clock.now()), 5000)
  clock.advance(10_000)
  t.ok(Math.abs(load.penalty(clock.now()) - 5000 / Math.E) < 1e-6)
})

t.test(
  'a request without an answer raises the latency as it ages, until another one is answered',
  async (t) => {
    const { clock, target, answered, load } = start()
    answered(10)
    const stuck = target.begin()
    clock.advance(700)
    t.equal(load.latency(clock.now()), 700)
    answered(0)
    t.ok(load.latency(clock.now()) < 10, 'it is that request, not the endpoint')
    clock.advance(700)
    t.ok(load.latency(clock.now()) < 10)
    target.begin()
    clock.advance(800)
    t.equal(load.latency(clock.now()), 800, 'a younger one')
    target.end(stuck)
    t.ok(load.latency(clock.now()) >= 2200, 'and its own latency once it is answered')
  },
)

t.test('who waits for more than 5 s is a stream: it neither counts nor ages', async (t) => {
  const { clock, target, load } = start()
  const streams = [target.begin(), target.begin()]
  clock.advance(5000)
  t.equal(load.waiting(clock.now()), 2)
  t.equal(load.latency(clock.now()), 5000)
  clock.advance(1)
  const young = target.begin()
  t.equal(load.waiting(clock.now()), 1)
  t.ok(Number.isNaN(load.latency(clock.now())))
  clock.advance(100)
  t.equal(load.latency(clock.now()), 100, 'an endpoint that hangs does so for the next one, too')
  for (const stream of streams) target.end(stream, 0, 'cancelled')
  t.equal(load.latency(clock.now()), 100)
  t.equal(load.penalty(clock.now()), 0)
  target.end(young)
  t.equal(load.waiting(clock.now()), 0)
  target.end(young)
  t.equal(load.waiting(clock.now()), 0, 'said twice')
})

t.test('a stream of an hour that breaks off is no failure, an answer that does is one', async (t) => {
  const { clock, target, load } = start()
  for (const [ms, penalty] of [
    [3_600_000, 0],
    [300, 5000],
  ] as const) {
    const request = target.begin()
    target.end(request)
    clock.advance(ms)
    load.observe(request, 'reset', 0, ms, 0, clock.now())
    t.equal(load.penalty(clock.now()), penalty)
  }
})

t.test('whoever leaves, in whatever order, leaves the others counted', async (t) => {
  const { clock, target, load } = start()
  const requests = Array.from({ length: 5 }, () => target.begin())
  for (const [i, index] of [2, 0, 4, 1, 3].entries()) {
    target.end(requests[index] as (typeof requests)[number])
    t.equal(load.waiting(clock.now()), 4 - i)
  }
})

t.test('other policies measure nothing but how many wait', async (t) => {
  const { clock, target, answered, load } = start(LEAST_REQUEST.policy)
  answered(100, 500)
  t.equal(load.penalty(clock.now()), 0)
  target.begin()
  t.equal(load.waiting(clock.now()), 1)
})
