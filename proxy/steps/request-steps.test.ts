import t from 'tap'
import { noAuthorization } from '../exchange/telemetry-sink.ts'
import type { FilterConfig } from '../model/filter.ts'
import { PATHS_AS_THEY_COME, SAFE_PATHS } from '../model/path-rules.ts'
import { NO_MUTATION } from '../model/route.ts'
import { chainOf, listenerOf, MANAGER } from '../testing/static-configuration.ts'
import { FaultStep } from './http/fault.ts'
import { LocalRateLimitStep } from './http/local-rate-limit.ts'
import { NormalizePathStep } from './http/normalize-path.ts'
import { StepCompiler } from './request-steps.ts'
import type { ConnectionStep, RequestStep } from './step.ts'
import { collected } from './testing/collected.ts'
import { headOf, HOP, manual } from './testing/requests.ts'

function limit(maxTokens: number, name = 'limit'): FilterConfig {
  const bucket = { maxTokens, tokensPerFill: 1, fillIntervalMs: 1000 }
  const rest = {
    descriptors: [],
    enabledPercent: 100,
    enforcedPercent: 100,
    headers: true,
    resourceExhausted: false,
  }
  const config = { statPrefix: name, bucket, status: 429, responseHeaders: NO_MUTATION, ...rest }
  return { name, kind: 'envoy.filters.http.local_ratelimit', config }
}

const fault = (percent: number): FilterConfig => ({
  name: 'fault',
  kind: 'envoy.filters.http.fault',
  config: { delay: undefined, abort: { status: 503, percent }, headers: [], maxActive: 1 },
})

function compiler() {
  const steps = new StepCompiler(manual())
  return (filters: readonly FilterConfig[], name = 'l', paths = SAFE_PATHS) => {
    const manager = { ...MANAGER, filters, paths }
    return steps.requestSteps({ ...listenerOf(manager), name }, chainOf(manager), manager)
  }
}

t.test(
  'steps stand in the order of the configuration, those that look at answers the other way round',
  async (t) => {
    const compiled = compiler()([limit(1), fault(1), limit(1), limit(1, 'other')])
    t.same(
      compiled.steps.map((step) => step.constructor),
      [LocalRateLimitStep, FaultStep, LocalRateLimitStep, LocalRateLimitStep],
    )
    // By identity: steps look the same from outside.
    t.same(
      compiled.responders.map((step) => compiled.steps.indexOf(step)),
      [3, 2, 0],
    )
    t.equal(new Set(compiled.steps).size, 4, 'the same twice is two steps')
  },
)

t.test('paths come first, unless nothing is to be done with them', async (t) => {
  const compile = compiler()
  t.type(compile([]).early[0], NormalizePathStep)
  t.same(compile([], 'l', PATHS_AS_THEY_COME).early, [])
})

t.test('a filter that says the same keeps its step, whatever changes beside it', async (t) => {
  const compile = compiler()
  const before = compile([limit(5), fault(1)])
  const after = compile([fault(2), limit(5)])
  t.equal(after.steps[1], before.steps[0])
  t.not(after.steps[0], before.steps[1])
  t.not(compile([limit(6)]).steps[0], before.steps[0])
  t.not(compile([limit(5)], 'elsewhere').steps[0], before.steps[0], 'another listener has its own')
})

t.test('chains without a name are told apart by what they match', async (t) => {
  const steps = new StepCompiler(manual())
  const manager = { ...MANAGER, filters: [fault(5)] }
  const chain = { ...chainOf(manager), name: '', filters: [connections(1)] }
  const other = { ...chain, match: { ...chain.match, destinationPort: 81 } }
  const fallback = { ...chain }
  const listener = { ...listenerOf(manager), filterChains: [chain, other], defaultFilterChain: fallback }
  const all = [chain, other, fallback, { ...other }].map((one) => [
    steps.requestSteps(listener, one, manager).steps[0],
    steps.connectionSteps(listener, one)[0],
  ])
  t.equal(new Set(all.flat()).size, 6)
  t.same(
    all[3]?.map((step, i) => step === all[1]?.[i]),
    [true, true],
  )
})

t.test('chains of a listener count together where they limit under one name', async (t) => {
  const steps = new StepCompiler(manual())
  const manager = { ...MANAGER, filters: [limit(5), fault(1)] }
  const plain = chainOf(manager)
  const mutual = { ...plain, name: 'mutual' }
  const listener = { ...listenerOf(manager), filterChains: [plain, mutual] }
  const [a, b] = [plain, mutual].map((chain) => steps.requestSteps(listener, chain, { ...manager }).steps)
  t.equal(a?.[0], b?.[0])
  t.not(a?.[1], b?.[1], 'a fault counts for nobody else')
  const elsewhere = { ...listener, name: 'elsewhere' }
  t.not(steps.requestSteps(elsewhere, plain, manager).steps[0], a?.[0])
  const other = { ...manager, filters: [limit(5, 'other')] }
  t.not(steps.requestSteps(listener, mutual, other).steps[0], a?.[0])
})

t.test('what is there is not forgotten, though it has counted nothing yet', async (t) => {
  const steps = new StepCompiler(manual())
  const manager = { ...MANAGER, filters: [limit(1)] }
  const chain = chainOf(manager)
  const [step] = steps.requestSteps(listenerOf(manager), chain, manager).steps
  await collected()
  steps.sweep()
  const edited = { ...manager }
  t.equal(steps.requestSteps(listenerOf(edited), chainOf(edited), edited).steps[0], step)
  t.ok(manager)
})

t.test('what is gone is forgotten, but not before what it counted is over', async (t) => {
  const deps = manual()
  const steps = new StepCompiler(deps)
  const chain = () => {
    const manager = { ...MANAGER, filters: [limit(1)] }
    return {
      listener: listenerOf(manager),
      manager,
      chain: { ...chainOf(manager), filters: [connections(1)] },
    }
  }
  const request = (): RequestStep => {
    const made = chain()
    return steps.requestSteps(made.listener, made.chain, made.manager).steps[0] as RequestStep
  }
  const connection = (): ConnectionStep => {
    const made = chain()
    return steps.connectionSteps(made.listener, made.chain)[0] as ConnectionStep
  }
  const [bucket, open] = [request(), connection()]
  bucket.decide(HOP, headOf('/'), undefined, noAuthorization())
  const connected = {
    direction: 'inbound',
    downstream: '',
    sourceIdentity: '',
    alpn: '',
    serverName: '',
  } as const
  open.decide({ ...connected, destinationAddress: '10.0.0.9', destinationPort: 80 }, noAuthorization())
  await collected()
  steps.sweep()
  t.equal(request(), bucket, 'its bucket is not full yet')
  t.equal(connection(), open, 'a connection outlives its chain')
  deps.clock.advance(1000)
  open.closed?.()
  await collected()
  steps.sweep()
  t.not(request(), bucket)
  t.not(connection(), open)
})

const connections = (maxConnections: number): FilterConfig => ({
  name: 'connections',
  kind: 'envoy.filters.network.connection_limit',
  config: { statPrefix: 'web', maxConnections, delayMs: 0 },
})
