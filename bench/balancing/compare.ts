import { ROUND_ROBIN, type Balancing } from '../../proxy/model/balancing.ts'
import { LEAST_REQUEST, PEAK_EWMA } from '../../proxy/testing/static-configuration.ts'
import { replay, type Outcome } from './replay.ts'
import { SCENARIOS } from './scenarios.ts'

const WAYS: Readonly<Record<string, Balancing>> = {
  'peak EWMA': PEAK_EWMA,
  'least request': LEAST_REQUEST,
  'round robin': ROUND_ROBIN,
}

export interface Row extends Outcome {
  readonly scenario: string
  readonly balancing: string
}

/** Every scenario with every way to balance. `tell` hears of each row as it is there. */
export function compare(
  { seconds, rate, seeds }: { readonly seconds: number; readonly rate: number; readonly seeds: number },
  tell: (row: Row) => void = () => {},
): Row[] {
  return SCENARIOS.flatMap((scenario) =>
    Object.entries(WAYS).map(([balancing, settings]) => {
      const given = { ...scenario, seconds, requestsPerSecond: rate }
      const outcomes = Array.from({ length: seeds }, (_, seed) => replay(given, settings, seed + 1))
      const row = { scenario: scenario.name, balancing, ...together(outcomes) }
      tell(row)
      return row
    }),
  )
}

function together(outcomes: readonly Outcome[]): Outcome {
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((all, one) => all + of(one), 0)
  const middle = (of: (outcome: Outcome) => number): number =>
    outcomes.map(of).sort((a, b) => a - b)[outcomes.length >> 1] as number
  return {
    requests: sum(({ requests }) => requests),
    failedPercent: sum(({ failedPercent }) => failedPercent) / outcomes.length,
    p50Ms: middle(({ p50Ms }) => p50Ms),
    p99Ms: middle(({ p99Ms }) => p99Ms),
    p999Ms: middle(({ p999Ms }) => p999Ms),
  }
}

/** What is not reached, a sentence each. `slack`: how much longer p99 may be, 1 for not at all. */
export function missed(rows: readonly Row[], slack: number): string[] {
  const problems: string[] = []
  for (const [scenario, group] of Map.groupBy(rows, (row) => row.scenario)) {
    const [own, ...others] = group
    if (!own) continue
    const best = Math.min(...others.map(({ p99Ms }) => p99Ms))
    const fewest = Math.min(...others.map(({ failedPercent }) => failedPercent))
    if (own.p99Ms > slack * best)
      problems.push(`${scenario}: p99 is ${own.p99Ms.toFixed(1)} ms, where it could be ${best.toFixed(1)} ms`)
    if (own.failedPercent > fewest / 2)
      problems.push(
        `${scenario}: ${own.failedPercent.toFixed(2)} % fail, where it could be ${fewest.toFixed(2)} %`,
      )
  }
  return problems
}

/** As Markdown. */
export function tableOf(rows: readonly Row[]): string {
  const ms = (value: number): string => (value < 10_000 ? value.toFixed(1) : `${Math.round(value / 1000)} s`)
  return [
    '| servers | balanced by | failed | p50 | p99 | p99.9 |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ scenario, balancing, failedPercent, p50Ms, p99Ms, p999Ms }) =>
        `| ${scenario} | ${balancing} | ${failedPercent.toFixed(2)} % | ${ms(p50Ms)} | ${ms(p99Ms)} | ${ms(p999Ms)} |`,
    ),
  ].join('\n')
}
