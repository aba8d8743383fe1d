import { holds, type Row } from './tally.ts'

/** What `npm run chaos -- --json` prints. */
export interface ChaosReport {
  readonly ok: boolean
  readonly seed: number
  readonly seconds: number
  readonly rows: readonly Row[]
  /** The first that failed, broke off or were wrong. */
  readonly reasons: readonly string[]
  /** Faults that could not be played to their end, and why. */
  readonly problems: readonly string[]
}

const COLUMNS: readonly (readonly [title: string, cell: (row: Row) => string | number])[] = [
  ['FAULT', (row) => row.fault],
  ['TIMES', (row) => (row.fault === 'nothing' ? '' : row.times)],
  ['USES', (row) => row.uses],
  ['AVOIDABLE FAILED', (row) => row.avoidable],
  ['FAILED', (row) => row.failed],
  ['BROKEN OFF', (row) => row.cut],
  ['LOST', (row) => row.lost],
  ['REPEATED', (row) => row.repeated],
  ['WRONG', (row) => row.wrong],
  ['LONGEST READ ms', (row) => row.longestReadMs],
  ['LONGEST ms', (row) => row.longestMs],
  ['OK', (row) => (holds(row) ? 'yes' : 'NO')],
]

export function chaosTable({ ok, seed, seconds, rows, reasons, problems }: ChaosReport): string {
  const cells = [
    COLUMNS.map(([title]) => title),
    ...rows.map((row) => COLUMNS.map(([, cell]) => String(cell(row)))),
  ]
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  )
  const uses = rows.reduce((sum, row) => sum + row.uses, 0)
  return [
    ...lines,
    '',
    ...reasons,
    ...problems,
    `seed ${seed}: ${uses} uses in ${seconds} s: ${ok ? 'as it has to be' : 'NOT OK'}`,
  ].join('\n')
}
