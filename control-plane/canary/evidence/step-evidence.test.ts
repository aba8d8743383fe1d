import t from 'tap'
import { seeded } from '../../../proxy/testing/seeded-random.ts'
import type { CanaryConditions } from '../../registry/kinds/canary.ts'
import { BOUNDS, BUCKETS, rebucket } from '../../serve/telemetry/durations.ts'
import { FALSE_ALARM, judge, NO_EVIDENCE, type StepEvidence, type VersionCounts } from './step-evidence.ts'

const CONDITIONS: CanaryConditions = {
  maximumDropPercent: 1,
  latency: { percentile: 99, maximumIncreasePercent: 50 },
  prometheus: [],
}
const STEPS = 4

interface Version {
  /** Share of requests that fail, at a time from 0 to 1. */
  readonly fails: (time: number) => number
  /** Of all durations. */
  readonly slower: number
}

/** Requests of a while: log-normal durations with a median of 20 ms whose p99 is near 64 ms. */
function served(
  random: () => number,
  { fails, slower }: Version,
  requests: number,
  time: number,
): VersionCounts {
  const durations = new Float64Array(BUCKETS)
  let failed = 0
  const counts = Array.from({ length: BUCKETS }, () => 0)
  for (let n = 0; n < requests; n++) {
    if (random() < fails(time)) failed++
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const seconds = 0.02 * slower * Math.exp(0.5 * normal)
    const at = BOUNDS.findIndex((bound) => seconds <= bound)
    const bucket = at === -1 ? BUCKETS - 1 : at
    counts[bucket] = (counts[bucket] as number) + 1
  }
  rebucket(counts, BOUNDS, durations)
  return { judged: requests, failed, durations: Array.from(durations) }
}

interface Outcome {
  readonly breach: string | undefined
  /** Requests of the canary until it was called sound in every step, or worse. */
  readonly requests: number
  readonly passed: number
}

/** A whole run: its steps with a growing share of 200 requests an interval, each until it is sound or worse. */
function play(seed: number, stable: Version, canary: Version, intervals = 20): Outcome {
  const random = seeded(seed)
  let requests = 0
  let passed = 0
  for (let step = 0; step < STEPS; step++) {
    const share = [0.05, 0.1, 0.25, 0.5][step] as number
    let evidence: StepEvidence = NO_EVIDENCE
    for (let i = 0; i < intervals; i++) {
      const time = (step + i / intervals) / STEPS
      const count = Math.round(200 * share)
      const seen = {
        stable: served(random, stable, 200 - count, time),
        canary: served(random, canary, count, time),
      }
      const verdict = judge(evidence, seen, CONDITIONS, STEPS)
      evidence = verdict.evidence
      requests += count
      if (verdict.breach) return { breach: verdict.breach.reason, requests, passed }
      if (verdict.sound && i === intervals - 1) passed++
    }
  }
  return { breach: undefined, requests, passed }
}

const steady = (share: number) => () => share
/** An outage that both versions have: of ten requests up to four fail for a quarter of the time. */
const outage = (time: number) => (time > 0.4 && time < 0.65 ? 0.4 : 0.01)

/** Runs of seeds from 1 on; `WEFT_CANARY_RUNS=500 node control-plane/canary/evidence/step-evidence.test.ts` has more. */
const RUNS = Number(process.env['WEFT_CANARY_RUNS'] ?? 12)

t.test('a version that is like the stable one is rarely called worse, however often one looks', (t) => {
  const kinds: [string, Version, Version][] = [
    ['without failures', { fails: steady(0), slower: 1 }, { fails: steady(0), slower: 1 }],
    ['with some', { fails: steady(0.02), slower: 1 }, { fails: steady(0.02), slower: 1 }],
    ['as bad as is allowed', { fails: steady(0.02), slower: 1 }, { fails: steady(0.03), slower: 1 }],
    ['in an outage of both', { fails: outage, slower: 1 }, { fails: outage, slower: 1 }],
    ['as slow as is allowed', { fails: steady(0), slower: 1 }, { fails: steady(0), slower: 1.45 }],
  ]
  for (const [name, stable, canary] of kinds) {
    const alarms = Array.from({ length: RUNS }, (_, i) => play(i + 1, stable, canary)).filter(
      ({ breach }) => breach,
    )
    // Three standard deviations above what is promised.
    const most = FALSE_ALARM * RUNS + 3 * Math.sqrt(FALSE_ALARM * RUNS)
    t.ok(alarms.length <= most, `${name}: ${alarms.length} of ${RUNS}`)
  }
  t.end()
})

t.test('a worse version is found, and soon', (t) => {
  const good: Version = { fails: steady(0.005), slower: 1 }
  const kinds: [string, string, Version, number][] = [
    ['5 % more failures', 'SuccessRate', { fails: steady(0.055), slower: 1 }, 1200],
    ['p99 doubled', 'Latency', { fails: steady(0.005), slower: 2 }, 2500],
    ['all fail', 'SuccessRate', { fails: steady(1), slower: 1 }, 20],
  ]
  for (const [name, reason, canary, most] of kinds) {
    const runs = Array.from({ length: 12 }, (_, i) => play(i + 1, good, canary))
    t.ok(
      runs.every(({ breach }) => breach === reason),
      `${name} is found in every run`,
    )
    const needed = runs.map(({ requests }) => requests).sort((a, b) => a - b)
    t.ok((needed[Math.floor(needed.length * 0.9)] as number) <= most, `${name}: ${needed.join(' ')}`)
  }
  t.end()
})

t.test('a good version is called sound with a few hundred requests, a bad one never by accident', (t) => {
  const good: Version = { fails: steady(0.005), slower: 1 }
  const runs = Array.from({ length: 12 }, (_, i) => play(i + 1, good, good))
  t.ok(runs.filter(({ passed }) => passed === STEPS).length >= 11)
  t.end()
})

t.test('what is still needed is told, and goes down to nothing', (t) => {
  const random = seeded(7)
  const good: Version = { fails: steady(0), slower: 1 }
  let evidence = NO_EVIDENCE
  const needed: number[] = []
  for (let i = 0; i < 40; i++) {
    const seen = { stable: served(random, good, 180, 0), canary: served(random, good, 20, 0) }
    evidence = judge(evidence, seen, CONDITIONS, STEPS).evidence
    needed.push(evidence.needed)
  }
  t.ok((needed[0] as number) > 20)
  t.equal(needed.at(-1), 0)
  const nothing = { judged: 0, failed: 0, durations: [] }
  t.ok(judge(NO_EVIDENCE, { stable: nothing, canary: nothing }, CONDITIONS, 1).evidence.needed > 0)
  t.end()
})

t.test('without a condition there is nothing to wait for', (t) => {
  const none: CanaryConditions = { maximumDropPercent: undefined, latency: undefined, prometheus: [] }
  const nothing = { judged: 0, failed: 0, durations: [] }
  const { sound, breach } = judge(NO_EVIDENCE, { stable: nothing, canary: nothing }, none, 1)
  t.same([sound, breach], [true, undefined])
  t.end()
})
