import t from 'tap'
import { Scope } from '../../xds/scope.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { forwardTo } from '../../testing/static-configuration.ts'
import type { HTTPFault } from '../../../core/xds/generated/envoy.js'
import { NO_LISTENER_SETTINGS } from '../step.ts'
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
  const says = (name: string, kind: string, config: unknown) => ({
    ...forwardTo({ a: 1 }),
    filterConfigs: { [name]: { name, kind, config } },
  })
  const route = says('my-fault', fault.kind, own)
  t.match(step.decide(HOP, headOf('/'), route), { reply: { grpcStatus: 8 } })
  t.equal(step.decide(HOP, headOf('/'), says('fault', fault.kind, own)), undefined)
  const mistaken = says('my-fault', 'envoy.filters.http.local_ratelimit', { statPrefix: 'x' })
  t.equal(step.decide(HOP, headOf('/'), mistaken), undefined, 'for a filter of another kind')
})

t.test(
  'callers choose a fault only where it is theirs to choose, and no more of it than is configured',
  async (t) => {
    const asking = [
      ...['x-envoy-fault-delay-request', '20'],
      ...['x-envoy-fault-abort-request', '418'],
      ...['x-envoy-fault-abort-grpc-request', '5'],
    ]
    const deps = manual(0.4)
    t.equal(new FaultStep(NONE, 'fault', deps).decide(HOP, headOf('/', asking), undefined), undefined)
    const fixed = new FaultStep({ ...NONE, abort: ABORT }, 'fault', deps)
    t.match(fixed.decide(HOP, headOf('/', asking), undefined), { reply: { status: 503 } })
    const byCaller = { partsOfPercent: 100 }
    const step = new FaultStep(
      {
        ...NONE,
        delay: { ms: 0, percent: 50, byCaller },
        abort: { status: 503, grpcStatus: undefined, percent: 50, byCaller },
      },
      'fault',
      deps,
    )
    t.equal(step.decide(HOP, headOf('/'), undefined), undefined)
    const both = new Waited(step.decide(HOP, headOf('/', asking), undefined))
    deps.clock.advance(20)
    t.match(both.told, { reply: { status: 418 } })
    t.match(step.decide(HOP, headOf('/', asking.slice(4)), undefined), {
      reply: { status: 404, grpcStatus: 5 },
    })
    const less = [...asking.slice(2, 4), 'x-envoy-fault-abort-request-percentage', '3999']
    t.equal(step.decide(HOP, headOf('/', less), undefined), undefined, '39.99 % of them')
    const more = [...asking.slice(2, 4), 'x-envoy-fault-abort-request-percentage', '10000']
    t.ok(step.decide(HOP, headOf('/', more), undefined))
    deps.draw = 0.5
    t.equal(step.decide(HOP, headOf('/', more), undefined), undefined, 'no more than 50 %')
    deps.draw = 0
    for (const value of ['', '-1', '1e3', '199', '600', '418 '])
      t.equal(
        step.decide(HOP, headOf('/', ['x-envoy-fault-abort-request', value]), undefined),
        undefined,
        `"${value}"`,
      )
  },
)

t.test('a share may be a part of a percent', async (t) => {
  const scope = new Scope()
  const read = (numerator: number) =>
    fault.read(
      { abort: { grpcStatus: 8, percentage: { numerator, denominator: 'MILLION' } } },
      scope,
      NO_LISTENER_SETTINGS,
    )
  const config = read(25)
  t.same(config.abort, { status: 429, grpcStatus: 8, percent: 0.0025 })
  const deps = manual(0.000024)
  const step = new FaultStep(config, 'fault', deps)
  t.ok(step.decide(HOP, headOf('/'), undefined))
  deps.draw = 0.000025
  t.equal(step.decide(HOP, headOf('/'), undefined), undefined)
  t.equal(read(2_000_000).abort?.percent, 100)
})

t.test('what cannot be done is refused by its field', async (t) => {
  const percentage = { numerator: 1 }
  const problems = (message: HTTPFault): string[] => {
    const scope = new Scope()
    fault.read(message, scope, NO_LISTENER_SETTINGS)
    return scope.problems.map(({ field, message }) => `${field}: ${message}`)
  }
  t.match(problems({ delay: { fixedDelay: 3_600_001, percentage } }), [
    'delay.fixed_delay: must be above 0, and 1 h',
  ])
  t.match(problems({ delay: { fixedDelay: 0, percentage } }), ['delay.fixed_delay'])
  t.match(problems({ delay: { percentage } }), ['delay: needs fixed_delay or header_delay'])
  t.match(problems({ abort: { percentage } }), ['abort: needs http_status, grpc_status or header_abort'])
  t.match(problems({ abort: { httpStatus: 600, percentage } }), ['abort.http_status'])
  t.same(problems({}), [], 'a filter that waits for what routes say')
})
