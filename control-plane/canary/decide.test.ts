import t from 'tap'
import { Fields, type FieldProblem } from '../registry/fields.ts'
import { readCanary, type CanaryObject } from '../registry/kinds/canary.ts'
import { BUCKETS } from '../serve/telemetry/durations.ts'
import { decide, type CanaryFacts, type Decision } from './decide.ts'
import type { VersionCounts } from './evidence/step-evidence.ts'
import { formatRequest } from './requests.ts'
import { STABLE_ONLY } from './route-shape.ts'
import { parseStatus, type CanaryStatus, type RouteShape } from './status.ts'

function canaryOf(spec: object): CanaryObject {
  const problems: FieldProblem[] = []
  const object = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Canary',
    metadata: { name: 'catalog', namespace: 'shop', generation: 3 },
    spec: {
      routeRef: { kind: 'HTTPRoute', name: 'catalog' },
      stable: { name: 'catalog-v1', port: 8080 },
      canary: { name: 'catalog-v2', port: 8080 },
      interval: '1s',
      steps: [
        { weight: 10, hold: '5s' },
        { weight: 50, hold: '5s' },
      ],
      ...spec,
    },
  }
  const canary = readCanary(new Fields(object, [], problems))
  if (problems.length > 0) throw new Error(JSON.stringify(problems))
  return canary
}

/** `slow` of them took a second, the others 2 ms. */
function counts(judged: number, failed = 0, slow = 0): VersionCounts {
  const durations = Array.from({ length: BUCKETS }, () => 0)
  durations[2] = judged - slow
  durations[12] = slow
  return { judged, failed, durations }
}

const GOOD = { stable: counts(400), canary: counts(100) }
const FAILING = { stable: counts(400), canary: counts(100, 20) }
const SLOW = { stable: counts(400), canary: counts(100, 0, 60) }
const NOTHING = { stable: counts(0), canary: counts(0) }

/** A route and a controller that does what is decided, a second at a time. */
class Play {
  shape: RouteShape = STABLE_ONLY
  /** What is decided on comes to nothing: the API server refuses it, or the replica ends. */
  refuses = false
  status: CanaryStatus | undefined
  last: Decision | undefined
  readonly reasons: string[] = []
  readonly #facts: Partial<CanaryFacts> = {}
  canary: CanaryObject
  now = Date.parse('2026-01-31T12:00:00Z')

  constructor(spec: object = {}) {
    this.canary = canaryOf(spec)
  }

  tick(more: Partial<CanaryFacts> = {}): this {
    Object.assign(this.#facts, more)
    const decision = decide(this.canary, this.status, {
      route: { indexes: [0], testerIndexes: [], shape: this.shape },
      revision: 'r1',
      ready: 1,
      request: '',
      seen: GOOD,
      queries: [],
      ...this.#facts,
      now: this.now,
    })
    // As another replica would read it.
    this.status = parseStatus(JSON.parse(JSON.stringify(decision.status)))
    this.last = decision
    if (decision.shape && !this.refuses) this.shape = decision.shape
    this.reasons.push(...decision.events.map(({ reason }) => reason))
    this.now += 1000
    return this
  }

  ticks(count: number, more: Partial<CanaryFacts> = {}): this {
    for (let i = 0; i < count; i++) this.tick(more)
    return this
  }

  get phase(): string {
    return `${this.status?.phase} ${this.status?.step} ${this.shape.weight}`
  }
}

t.test('a good version goes from step to step to 100 by itself', (t) => {
  const play = new Play().tick()
  t.equal(play.phase, 'Progressing 0 10')
  t.equal(play.ticks(4).phase, 'Progressing 0 10', 'the step lasts')
  t.match(play.status, { reason: 'Holding', message: /lasts \d+ s more/, observedGeneration: 3, steps: 2 })
  t.equal(play.ticks(3).phase, 'Progressing 1 50')
  t.equal(play.ticks(20).phase, 'Succeeded 2 100')
  t.strictSame(play.reasons, ['Started', 'Step', 'Step', 'Promoted'])
  t.equal(play.ticks(5, { seen: FAILING }).phase, 'Succeeded 2 100', 'what comes later is not its business')
  t.end()
})

t.test('a worse version is back at 0, and says why', (t) => {
  for (const [seen, reason, message] of [
    [FAILING, 'SuccessRate', /\d\.\d\d %\) of the new version failed, 0 of/],
    [SLOW, 'Latency', /p99 of the new version is .* more than the 50 %/],
  ] as const) {
    const play = new Play().tick()
    play.ticks(3, { seen: GOOD })
    let looks = 0
    while (play.status?.phase === 'Progressing' && looks < 20) {
      play.tick({ seen })
      looks++
    }
    t.equal(play.phase, 'RolledBack 0 0')
    t.match(play.status, { reason, message })
    t.ok(looks <= 3, `after ${looks} looks`)
    t.equal(play.ticks(5, { seen: GOOD }).phase, 'RolledBack 0 0', 'it stays')
    t.equal(play.tick({ revision: 'r2' }).phase, 'Progressing 0 10', 'another revision begins anew')
  }
  t.end()
})

t.test('an end that did not come into the route is written until it is there, and once', (t) => {
  const request = (action: 'abort' | 'promote-full') => formatRequest(action, 1)
  for (const [phase, weight, facts] of [
    ['RolledBack', 0, { seen: FAILING }],
    ['Aborted', 0, { request: request('abort') }],
    ['Succeeded', 100, { request: request('promote-full') }],
  ] as const) {
    const play = new Play().tick().ticks(3)
    play.refuses = true
    let looks = 0
    while (play.status?.phase === 'Progressing' && looks++ < 20) play.tick(facts)
    t.match(play.status, { phase })
    t.equal(play.ticks(3).shape.weight, 10, `${phase}, and not there yet`)
    play.refuses = false
    t.equal(play.tick().shape.weight, weight, `${phase}, and there`)
    play.tick()
    play.shape = { ...STABLE_ONLY, weight: 30 }
    t.equal(play.ticks(3).shape.weight, 30, 'what somebody writes later is theirs')
  }
  t.end()
})

t.test('what was counted before a step is no evidence in it', (t) => {
  const play = new Play().tick({ seen: FAILING }).tick().tick({ seen: GOOD })
  t.equal(play.status?.evidence.canary.failed, 0)
  const warm = new Play({ warmup: '10s' }).tick().ticks(9, { seen: FAILING })
  t.equal(warm.phase, 'Progressing 0 10')
  t.equal(warm.status?.evidence.canary.requests, 0)
  t.equal(warm.ticks(3).phase, 'RolledBack 0 0', 'but later')
  t.end()
})

t.test('without requests it waits, and says for how many', (t) => {
  const play = new Play().tick().ticks(60, { seen: NOTHING })
  t.equal(play.phase, 'Progressing 0 10')
  t.match(play.status, { reason: 'NotEnoughRequests', message: /about \d+ more requests/ })
  t.end()
})

t.test("a person's edit of the weights is left alone, until they say otherwise", (t) => {
  const play = new Play().ticks(3)
  play.shape = { ...STABLE_ONLY, weight: 33 }
  play.tick()
  t.equal(play.phase, 'HandedOver 0 33')
  t.match(play.status, { reason: 'Edited', message: /it has weight 33, and this Canary wrote 10/ })
  t.equal(play.ticks(5, { revision: 'r2' }).phase, 'HandedOver 0 33')
  t.equal(play.tick({ request: 'promote 1' }).phase, 'HandedOver 0 33')
  t.equal(play.tick({ request: 'resume 2' }).phase, 'Progressing 0 10')
  t.equal(play.ticks(3).phase, 'Progressing 0 10', 'a word counts once')
  t.end()
})

t.test('between its status and the route a controller may end: the next goes on', (t) => {
  const play = new Play().ticks(3)
  play.shape = STABLE_ONLY
  play.status = undefined
  play.tick()
  const [status, wanted] = [play.status as CanaryStatus | undefined, play.shape]
  play.shape = STABLE_ONLY
  play.status = status
  t.equal(play.tick().phase, 'Progressing 0 10', 'the route was not written: it is now')
  t.strictSame(play.shape, wanted)
  play.tick()
  t.equal(play.status?.route.before, null, 'seen as it was written')
  play.shape = STABLE_ONLY
  t.equal(play.tick().phase, 'HandedOver 0 0', 'from then on that is an edit')
  t.end()
})

t.test('people promote, pause, resume and abort', (t) => {
  const play = new Play({ steps: [{ weight: 10, hold: '1h' }, { pause: {} }, { weight: 50 }] }).tick()
  t.equal(play.tick({ request: 'pause 1' }).phase, 'Paused 0 10')
  t.equal(play.ticks(60).phase, 'Paused 0 10')
  t.equal(play.tick({ request: 'resume 2' }).phase, 'Progressing 0 10')
  t.equal(play.tick({ request: 'promote 3' }).phase, 'Paused 1 10', 'a step that waits for somebody')
  t.equal(play.ticks(60).phase, 'Paused 1 10')
  t.equal(play.tick({ request: 'promote 4' }).phase, 'Progressing 2 50')
  t.equal(play.tick({ request: 'abort 5' }).phase, 'Aborted 2 0')
  t.equal(play.tick({ request: 'promote 6' }).phase, 'Aborted 2 0')
  t.equal(play.tick({ request: 'nonsense' }).phase, 'Aborted 2 0')
  t.equal(play.tick({ request: 'resume 7' }).phase, 'Progressing 0 10')
  t.equal(play.tick({ request: 'promote-full 8' }).phase, 'Succeeded 3 100')
  t.end()
})

t.test('a pause is watched, too; onBreach: Pause stops where it is', (t) => {
  const paused = new Play({ steps: [{ weight: 10, hold: '0s' }, { pause: {} }] })
    .tick()
    .tick({ request: 'promote 1' })
  t.equal(paused.phase, 'Paused 1 10')
  t.equal(paused.ticks(8, { seen: FAILING }).phase, 'RolledBack 1 0')
  const play = new Play({ onBreach: 'Pause' }).tick().ticks(6, { seen: FAILING })
  t.equal(play.phase, 'Paused 0 10')
  t.match(play.status, { reason: 'Breach', message: /stopped at 10 %/ })
  t.equal(play.reasons.filter((one) => one === 'Breach').length, 1)
  t.equal(play.tick({ request: 'resume 1', seen: GOOD }).phase, 'Progressing 0 10')
  t.ok((play.ticks(12).status?.step ?? 0) >= 1)
  t.end()
})

t.test('mirrors and testers come with their steps, and go', (t) => {
  const header = { header: { name: 'x-tester', value: 'yes' } }
  const play = new Play({
    steps: [
      { mirror: { percent: 50 }, hold: '1s' },
      { matches: [header], hold: '1s' },
      { weight: 10, hold: '1s' },
    ],
  }).tick()
  t.strictSame(play.shape, { weight: 0, mirrorPercent: 50, testers: false })
  play.tick({ request: 'promote 1' })
  t.strictSame(play.shape, { weight: 0, mirrorPercent: 0, testers: true })
  play.ticks(3, { seen: NOTHING })
  t.strictSame(
    play.shape,
    { weight: 10, mirrorPercent: 0, testers: true },
    'testers are few: they are not waited for',
  )
  play.ticks(20, { seen: GOOD })
  t.strictSame(play.shape, { weight: 100, mirrorPercent: 0, testers: false })
  t.end()
})

t.test('it waits for its route, and for a pod of the new version', (t) => {
  const play = new Play().tick({ route: 'there is no HTTPRoute shop/catalog' })
  t.match(play.status, { phase: 'Waiting', reason: 'RouteNotReady', message: /no HTTPRoute/ })
  const empty = new Play()
  empty.shape = { ...STABLE_ONLY, weight: 10 }
  empty.tick({ ready: 0 })
  t.equal(empty.phase, 'Waiting 0 0', 'nobody is sent where nobody is')
  t.equal(empty.tick({ ready: 1 }).phase, 'Progressing 0 10')
  t.end()
})

t.test('another pair of versions is another run', (t) => {
  const play = new Play().ticks(40)
  t.equal(play.phase, 'Succeeded 2 100')
  play.canary = canaryOf({
    stable: { name: 'catalog-v2', port: 8080 },
    canary: { name: 'catalog-v1', port: 8080 },
  })
  play.shape = STABLE_ONLY
  t.equal(play.tick().phase, 'Progressing 0 10')
  t.end()
})

t.test('a query of Prometheus ends a run, and one without an answer keeps it where it is', (t) => {
  const query = (state: 'good' | 'breach' | 'unknown') => [
    { name: 'q', state, message: `Prometheus query "q" is ${state}` },
  ]
  const play = new Play({ conditions: {} }).tick().ticks(20, { queries: query('unknown') })
  t.equal(play.phase, 'Progressing 0 10')
  t.match(play.status, { reason: 'PrometheusUnknown' })
  t.equal(play.tick({ queries: query('good') }).phase, 'Progressing 1 50')
  t.equal(play.tick({ queries: query('breach') }).phase, 'RolledBack 1 0')
  t.match(play.status, { reason: 'Prometheus', message: /is breach; went back from 50 % to 0/ })
  t.end()
})
