import { isSame, type Case } from './suite.ts'

/** What one suite came to. */
export interface SuiteResult {
  readonly suite: string
  readonly seconds: number
  readonly cases: readonly Case[]
}

/** What `--json` prints. */
export interface Report {
  /** Every case ended through the pair as it did direct. */
  readonly ok: boolean
  readonly seconds: number
  readonly suites: readonly {
    readonly suite: string
    readonly ok: boolean
    readonly seconds: number
    readonly cases: number
    /** Cases with a direct way, and how many of them passed on it. */
    readonly direct: { readonly cases: number; readonly passed: number }
    readonly pair: { readonly passed: number }
    /** Those that ended differently. */
    readonly differ: readonly Case[]
    /** Names of those that fail on both ways. */
    readonly failBoth: readonly string[]
    /** What cases that passed measured. */
    readonly figures: Readonly<Record<string, string>>
  }[]
}

export function reportOf(results: readonly SuiteResult[], seconds: number): Report {
  const suites = results.map(({ suite, seconds, cases }) => {
    const differ = cases.filter((one) => !isSame(one))
    const compared = cases.filter((one) => one.direct !== undefined)
    return {
      suite,
      ok: differ.length === 0 && cases.length > 0,
      seconds,
      cases: cases.length,
      direct: { cases: compared.length, passed: compared.filter((one) => one.direct?.passed).length },
      pair: { passed: cases.filter((one) => one.pair.passed).length },
      differ,
      failBoth: compared.filter((one) => !one.direct?.passed && !one.pair.passed).map(({ name }) => name),
      figures: Object.fromEntries(
        cases
          .filter(({ pair }) => pair.passed && pair.said !== '')
          .map(({ name, pair }) => [name, pair.said]),
      ),
    }
  })
  return { ok: suites.every(({ ok }) => ok), seconds, suites }
}

/** The report as a table, with each case that ended differently below it. */
export function reportTable(report: Report): string {
  const rows = [
    ['SUITE', 'CASES', 'DIRECT', 'PAIR', 'SECONDS', 'SAME'],
    ...report.suites.map(({ suite, ok, seconds, cases, direct, pair }) => [
      suite,
      String(cases),
      direct.cases === 0
        ? '-'
        : direct.cases === cases
          ? `${direct.passed}`
          : `${direct.passed} of ${direct.cases}`,
      String(pair.passed),
      seconds.toFixed(1),
      ok ? 'yes' : 'NO',
    ]),
  ]
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  )
  for (const { suite, differ, failBoth, figures } of report.suites) {
    for (const [name, said] of Object.entries(figures)) lines.push(`${suite}: ${name}: ${said}`)
    if (failBoth.length > 0) lines.push(`${suite}: fail on both ways: ${failBoth.join(', ')}`)
    for (const { name, direct, pair } of differ)
      lines.push(
        `${suite}: DIFFERS: ${name}`,
        ...(direct ? [`  direct: ${direct.passed ? 'passed' : direct.said}`] : []),
        `  pair: ${pair.passed ? 'passed' : pair.said}`,
      )
  }
  lines.push(`${report.ok ? 'the same on both ways' : 'NOT the same'}, after ${report.seconds.toFixed(0)} s`)
  return lines.join('\n')
}
