import { logChoose, logSum } from './log-factorial.ts'

/** Requests of one version in a while, and how many of them were bad. Whole numbers. */
export interface Trials {
  readonly total: number
  readonly bad: number
}

/** What both versions did at the same time. */
export interface Batch {
  readonly stable: Trials
  readonly canary: Trials
}

/** A batch is no longer than this on either side: a larger one is made smaller, which only takes from its weight. */
const LARGEST = 5000
/** What lies further out in the distribution of the allowance, in standard deviations, is left out. */
const REACH = 8

/** Odds ratios that the canary is suspected of; each bets with the same stake. */
export const WORSE: readonly number[] = [1.25, 1.5, 2, 3, 5, 10, 30, 100]
/** The same of a canary that is better than what it is compared with. */
export const BETTER: readonly number[] = [0.8, 0.6, 0.4, 0.2, 0.1, 0.01]

/**
 * A sequential test of two proportions that vary with time. With `WORSE` it bets against "the canary's share of bad requests
 * is at most the stable's and `allowance`", with `BETTER` against "it is at least that".
 *
 * Given how many requests of a batch were bad in all, those of the canary follow Fisher's hypergeometric distribution,
 * whatever the stable's share is just then: its likelihood ratio against equal odds has a mean of at most 1 while the
 * hypothesis holds. So have the product over batches and the mean over odds ratios (an e-process), and by Ville's
 * inequality it ever reaches 1/a with a probability of at most a, however often one looks. The allowance is taken as a
 * chance for each good request of the stable version to be bad, too; the ratio is the mean over that.
 * Sources: R. A. Fisher, The Design of Experiments (exact test); A. Ramdas, P. Grünwald, V. Vovk, G. Shafer, Game-Theoretic
 * Statistics and Safe Anytime-Valid Inference, Statistical Science 38 (2023).
 */
export class ProportionTest {
  readonly #odds: readonly number[]
  readonly #allowance: number
  /** ln of what each odds ratio has won. */
  readonly #logs: number[]

  /** `allowance`: 0 to 1. `logs` are those of an earlier test that goes on. */
  constructor(odds: readonly number[], allowance: number, logs?: readonly number[]) {
    this.#odds = odds
    this.#allowance = allowance
    this.#logs = logs?.length === odds.length ? [...logs] : odds.map(() => 0)
  }

  /** To go on with later. */
  get logs(): readonly number[] {
    return this.#logs
  }

  /** ln of the evidence against the hypothesis: it is refuted at a level `a` from ln(1/a) on. */
  get logEvidence(): number {
    return logSum(this.#logs) - Math.log(this.#odds.length)
  }

  add(batch: Batch): void {
    const stable = limited(batch.stable)
    const canary = limited(batch.canary)
    if (stable.total === 0 || canary.total === 0) return
    for (const [i, gain] of gains(this.#odds, this.#allowance, stable, canary).entries())
      this.#logs[i] = (this.#logs[i] as number) + gain
  }
}

/** Growth of each odds ratio's stake by one batch. */
function gains(odds: readonly number[], allowance: number, stable: Trials, canary: Trials): number[] {
  const terms: number[][] = odds.map(() => [])
  for (const [added, weight] of allowanceOf(stable.total - stable.bad, allowance)) {
    const bad = stable.bad + added + canary.bad
    const means = logMeans(odds, stable.total, canary.total, bad)
    for (const [i, ratio] of odds.entries())
      terms[i]?.push(weight + canary.bad * Math.log(ratio) - (means[i] as number))
  }
  return terms.map(logSum)
}

/** How many of `good` requests the allowance makes bad, each with ln of its probability. */
function allowanceOf(good: number, chance: number): [count: number, logWeight: number][] {
  if (chance <= 0 || good === 0) return [[0, 0]]
  const mean = good * chance
  const reach = REACH * Math.sqrt(mean * (1 - chance)) + REACH
  const counts: [number, number][] = []
  for (let n = Math.max(0, Math.floor(mean - reach)); n <= Math.min(good, Math.ceil(mean + reach)); n++)
    counts.push([n, logChoose(good, n) + n * Math.log(chance) + (good - n) * Math.log1p(-chance)])
  return counts
}

/** ln E[ratio^K] for each ratio, K hypergeometric: of `bad` requests among all, those that fall to the canary. */
function logMeans(odds: readonly number[], stable: number, canary: number, bad: number): number[] {
  const least = Math.max(0, bad - stable)
  const most = Math.min(bad, canary)
  const all = logChoose(stable + canary, bad)
  const logs: number[] = []
  for (let k = least; k <= most; k++) logs.push(logChoose(canary, k) + logChoose(stable, bad - k) - all)
  return odds.map((ratio) => {
    const step = Math.log(ratio)
    return logSum(logs.map((log, i) => log + (least + i) * step))
  })
}

/** In proportion: that varies less than so many requests would, and is never more evidence than the whole batch is. */
function limited({ total, bad }: Trials): Trials {
  if (total <= LARGEST) return { total, bad: Math.min(bad, total) }
  return { total: LARGEST, bad: Math.round((Math.min(bad, total) * LARGEST) / total) }
}
