import { BOUNDS, BUCKETS, quantileMs } from '../../serve/telemetry/durations.ts'
import type { CanaryConditions } from '../../registry/kinds/canary.ts'
import { BETTER, ProportionTest, WORSE, type Trials } from './proportion-test.ts'

/** What was counted of one version since the last look. */
export interface VersionCounts {
  readonly judged: number
  readonly failed: number
  /** By the buckets of the control plane's store. */
  readonly durations: readonly number[]
}

export interface Observation {
  readonly stable: VersionCounts
  readonly canary: VersionCounts
}

/** Logarithms that two tests go on from: that it is worse than allowed, and that it is not much worse. */
interface TestState {
  readonly worse: readonly number[]
  readonly sound: readonly number[]
}

/** What is known of both versions since a step began. Plain JSON. */
export interface StepEvidence {
  readonly stable: SeenVersion
  readonly canary: SeenVersion
  /** Requests of the new version that are still needed to say that it is sound, estimated; 0: it is. */
  readonly needed: number
  /** ln of the evidence that it is worse, and of that at which it is. */
  readonly doubt: number
  readonly doubtLimit: number
  readonly errors: TestState | null
  readonly latency: (TestState & { readonly rest: readonly [number, number, number, number] }) | null
}

export interface SeenVersion {
  readonly requests: number
  readonly failed: number
  /** Of the condition's percentile; null where nothing was seen. */
  readonly latencyMs: number | null
  readonly durations: readonly number[]
}

export interface Verdict {
  readonly evidence: StepEvidence
  /** Why it is worse than allowed, for people. */
  readonly breach: { readonly reason: 'SuccessRate' | 'Latency'; readonly message: string } | undefined
  readonly sound: boolean
}

/** Chance that a version which is within its conditions is ever called worse, in all steps of a run together. */
export const FALSE_ALARM = 0.01
/** Chance that a version which is worse by the margins below is called sound by a step. */
export const FALSE_PASS = 0.05
/** A version is sound that is surely not worse by so many points of success rate than its condition allows ... */
const SOUND_POINTS = 0.05
/** ... and of which surely less than this multiple of the allowed share is slower than allowed. */
const SOUND_SLOW = 3
/** Less than that is the noise of a pod, however many percent it is. */
const LEAST_INCREASE_MS = 5
/** Fewer requests of the stable version tell nothing of its percentile. */
const LEAST_FOR_LATENCY = 100

const NOTHING_SEEN: SeenVersion = {
  requests: 0,
  failed: 0,
  latencyMs: null,
  durations: Array.from({ length: BUCKETS }, () => 0),
}
export const NO_EVIDENCE: StepEvidence = {
  stable: NOTHING_SEEN,
  canary: NOTHING_SEEN,
  needed: 0,
  doubt: 0,
  doubtLimit: 0,
  errors: null,
  latency: null,
}

/**
 * Adds what both versions did at the same time, and says what follows. `judgedSteps`: steps of the run that can end it,
 * among which FALSE_ALARM is divided, as it is among conditions.
 */
export function judge(
  before: StepEvidence,
  seen: Observation,
  conditions: CanaryConditions,
  judgedSteps: number,
): Verdict {
  const { maximumDropPercent, latency } = conditions
  const count = (maximumDropPercent === undefined ? 0 : 1) + (latency ? 1 : 0)
  const doubtLimit = Math.log((Math.max(1, judgedSteps) * Math.max(1, count)) / FALSE_ALARM)
  const percentile = (latency?.percentile ?? 99) / 100
  const stable = addedTo(before.stable, seen.stable, percentile)
  const canary = addedTo(before.canary, seen.canary, percentile)
  const errors = maximumDropPercent === undefined ? undefined : errorTests(before, seen, maximumDropPercent)
  const slow = latency && latencyTests(before, seen, latency)
  const tests = [
    { reason: 'SuccessRate' as const, test: errors },
    { reason: 'Latency' as const, test: slow },
  ].flatMap(({ reason, test }) => (test ? [{ reason, ...test }] : []))
  const worst = tests.toSorted((a, b) => b.worse.logEvidence - a.worse.logEvidence)[0]
  const doubt = worst?.worse.logEvidence ?? 0
  const needed = Math.max(0, ...tests.map(({ sound, margin }) => neededFor(sound, margin, canary.requests)))
  const broken = worst && doubt >= doubtLimit ? worst.reason : undefined
  return {
    evidence: {
      stable,
      canary,
      needed,
      doubt: rounded(doubt),
      doubtLimit: rounded(doubtLimit),
      errors: errors ? stateOf(errors) : null,
      latency: slow ? { ...stateOf(slow), rest: slow.rest } : null,
    },
    breach: broken && { reason: broken, message: breachMessage(broken, stable, canary, conditions) },
    sound: needed === 0,
  }
}

interface Tests {
  readonly worse: ProportionTest
  readonly sound: ProportionTest
  /** Of the second. */
  readonly margin: number
}

function errorTests(before: StepEvidence, { stable, canary }: Observation, dropPercent: number): Tests {
  const allowed = dropPercent / 100
  const margin = allowed + SOUND_POINTS
  const worse = new ProportionTest(WORSE, allowed, before.errors?.worse)
  const sound = new ProportionTest(BETTER, margin, before.errors?.sound)
  const batch = {
    stable: { total: stable.judged, bad: stable.failed },
    canary: { total: canary.judged, bad: canary.failed },
  }
  worse.add(batch)
  sound.add(batch)
  return { worse, sound, margin }
}

/**
 * The stable version's requests above its percentile, beside the new one's above that and the allowed increase. Where the
 * percentile is, is what was seen before these requests, so that they did not choose it. A bucket that it falls into
 * counts in proportion; what is left of a whole request stays for the next time.
 */
function latencyTests(
  before: StepEvidence,
  { stable, canary }: Observation,
  { percentile, maximumIncreasePercent }: NonNullable<CanaryConditions['latency']>,
): Tests & { readonly rest: readonly [number, number, number, number] } {
  const share = 1 - percentile / 100
  const margin = (SOUND_SLOW - 1) * share
  const worse = new ProportionTest(WORSE, 0, before.latency?.worse)
  const sound = new ProportionTest(BETTER, margin, before.latency?.sound)
  const known = quantileMs(before.stable.durations, percentile / 100)
  const rest = before.latency?.rest ?? ([0, 0, 0, 0] as const)
  if (known === undefined || totalOf(before.stable.durations) < LEAST_FOR_LATENCY)
    return { worse, sound, margin, rest }
  const limit = Math.max(known * (1 + maximumIncreasePercent / 100), known + LEAST_INCREASE_MS)
  const [stableTrials, a, b] = whole(stable.durations, known, rest[0], rest[1])
  const [canaryTrials, c, d] = whole(canary.durations, limit, rest[2], rest[3])
  const batch = { stable: stableTrials, canary: canaryTrials }
  worse.add(batch)
  sound.add(batch)
  return { worse, sound, margin, rest: [a, b, c, d] }
}

function whole(
  durations: readonly number[],
  limitMs: number,
  restTotal: number,
  restBad: number,
): [Trials, number, number] {
  const total = totalOf(durations) + restTotal
  const bad = aboveOf(durations, limitMs) + restBad
  const trials = {
    total: Math.floor(total + 1e-9),
    bad: Math.min(Math.floor(bad + 1e-9), Math.floor(total + 1e-9)),
  }
  return [trials, Math.max(0, total - trials.total), Math.max(0, bad - trials.bad)]
}

/** How many took longer, linear within a bucket. */
function aboveOf(durations: readonly number[], limitMs: number): number {
  const limit = limitMs / 1000
  let above = 0
  for (let i = 0; i < durations.length; i++) {
    const lower = i === 0 ? 0 : (BOUNDS[i - 1] as number)
    const upper = BOUNDS[i] ?? Infinity
    if (lower >= limit) above += durations[i] as number
    // Above all bounds nothing is known but that.
    else if (upper > limit && upper < Infinity)
      above += ((durations[i] as number) * (upper - limit)) / (upper - lower)
    else if (upper === Infinity) above += durations[i] as number
  }
  return above
}

/** The growth so far, carried on; before there is any, that of a version without a bad request. */
function neededFor(test: ProportionTest, margin: number, requests: number): number {
  const goal = Math.log(1 / FALSE_PASS)
  const evidence = test.logEvidence
  if (evidence >= goal) return 0
  const unseen = Math.ceil((1.5 * goal) / margin)
  const growth = evidence / Math.max(requests, 1)
  const left = growth > 0 ? Math.ceil((goal - evidence) / growth) : unseen
  return Math.max(1, Math.min(left, Math.max(unseen - requests, 10) * 10))
}

function addedTo(before: SeenVersion, seen: VersionCounts, percentile: number): SeenVersion {
  const durations = before.durations.map((count, i) => count + (seen.durations[i] ?? 0))
  const latencyMs = quantileMs(durations, percentile)
  return {
    requests: before.requests + seen.judged,
    failed: before.failed + seen.failed,
    latencyMs: latencyMs === undefined ? null : rounded(latencyMs),
    durations,
  }
}

function breachMessage(
  reason: 'SuccessRate' | 'Latency',
  stable: SeenVersion,
  canary: SeenVersion,
  { maximumDropPercent, latency }: CanaryConditions,
): string {
  if (reason === 'SuccessRate')
    return (
      `${failedText(canary)} of the new version failed, ${failedText(stable)} of the stable one at the same time: ` +
      `more than the ${maximumDropPercent} points that are allowed`
    )
  return (
    `p${latency?.percentile} of the new version is ${canary.latencyMs} ms, that of the stable one at the same time ` +
    `${stable.latencyMs} ms: more than the ${latency?.maximumIncreasePercent} % that are allowed`
  )
}

function failedText({ failed, requests }: SeenVersion): string {
  const percent = requests === 0 ? 0 : (100 * failed) / requests
  return `${failed} of ${requests} requests (${percent.toFixed(2)} %)`
}

function stateOf({ worse, sound }: Tests): TestState {
  return { worse: worse.logs.map(rounded), sound: sound.logs.map(rounded) }
}

function totalOf(durations: readonly number[]): number {
  return durations.reduce((sum, one) => sum + one, 0)
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
