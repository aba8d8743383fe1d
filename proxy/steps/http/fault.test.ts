import t from 'tap'
import { ResponseFlag } from '../../model/response-flag.ts'
import { forwardTo } from '../../testing/static-configuration.ts'
import { headOf, HOP, manual, Waited } from '../testing/requests.ts'
import { fault, FaultStep, type FaultConfig } from './fault.ts'

const NONE: FaultConfig = { delay: undefined, abort: undefined, headers: [], maxActive: Infinity }
const ABORT = { status: 503, grpcStatus: undefined, percent: 100 }

t.test('a share of the requests is answered, the rest passes', async (t) => {
  const deps = manual()
  const step = new FaultStep({ ...NONE, abort: { ...ABORT, percent: 30 } }, 'fault', deps)
  deps.draw = 0.2999
  t.match(step.decide(HOP, headOf('/'), undefined), {
    kind: 'answer',
    flags: ResponseFlag.FI,
    reply: { status: 503, details: 'fault_filter_abort' },
  })
  deps.draw = 0.3
  t.equal(step.decide(HOP, headOf('/'), undefined), undefined)
})

t.test('0 % is nobody, also with the least draw', async (t) => {
  const step = new FaultStep({ ...NONE, abort: { ...ABORT, percent: 0 } }, 'fault', manual(0))
  t.equal(step.decide(HOP, headOf('/'), undefined), undefined)
})

t.test('a delay ends to the millisecond, then the request goes on or is answered', async (t) => {
  for (const abort of [undefined, ABORT]) {
    const deps = manual()
    const step = new FaultStep({ ...NONE, delay: { ms: 250, percent: 100 }, abort }, 'fault', deps)
    const request = new Waited(step.decide(HOP, headOf('/'), undefined))
    deps.clock.advance(249)
    t.equal(request.told, undefined)
    deps.clock.advance(1)
    if (abort) t.match(request.told, { kind: 'answer', reply: { status: 503 } })
    else t.equal(request.told, 'pass')
  }
})

t.test('who is delayed and goes away leaves no timer and makes room', async (t) => {
  const deps = manual()
  const step = new FaultStep({ ...NONE, delay: { ms: 250, percent: 100 }, maxActive: 1 }, 'fault', deps)
  const first = new Waited(step.decide(HOP, headOf('/'), undefined))
  t.equal(step.decide(HOP, headOf('/'), undefined), undefined, 'the second passes: one is delayed already')
  first.cancel()
  deps.clock.advance(1000)
  t.equal(first.told, undefined)
  const third = new Waited(step.decide(HOP, headOf('/'), undefined))
  deps.clock.advance(250)
  t.equal(third.told, 'pass')
  t.ok(new Waited(step.decide(HOP, headOf('/'), undefined)), 'and so does one whose delay is over')
})

t.test('only requests with the headers', async (t) => {
  const tester = { name: 'x-user', kind: 'exact', value: 'beta', regex: undefined, invert: false } as const
  const step = new FaultStep({ ...NONE, abort: ABORT, headers: [tester] }, 'fault', manual())
  t.equal(step.decide(HOP, headOf('/'), undefined), undefined)
  t.match(step.decide(HOP, headOf('/', ['x-user', 'beta']), undefined), { kind: 'answer' })
})

t.test('a route has a fault of its own, under the name of the filter', async (t) => {
  const step = new FaultStep(NONE, 'my-fault', manual())
  const own = { ...NONE, abort: { status: 200, grpcStatus: 8, percent: 100 } }
  const route = {
    ...forwardTo({ a: 1 }),
    filterConfigs: { 'my-fault': { name: 'my-fault', kind: fault.kind, config: own } },
  }
  t.match(step.decide(HOP, headOf('/'), route), { reply: { grpcStatus: 8 } })
  const other = {
    ...forwardTo({ a: 1 }),
    filterConfigs: { fault: { name: 'fault', kind: fault.kind, config: own } },
  }
  t.equal(step.decide(HOP, headOf('/'), other), undefined)
  const limit = { name: 'my-fault', kind: 'envoy.filters.http.local_ratelimit', config: {} }
  const mistaken = { ...forwardTo({ a: 1 }), filterConfigs: { 'my-fault': limit } }
  t.equal(step.decide(HOP, headOf('/'), mistaken), undefined, 'a filter of another kind by this name')
})
