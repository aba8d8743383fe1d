import type { StepResult } from './scenario.ts'

/** What `npm run demo -- --once --json` prints. */
export interface DemoReport {
  /** Every step was as expected. */
  readonly ok: boolean
  /** From the start of the command to the last step's end. */
  readonly seconds: number
  readonly steps: readonly StepResult[]
}

const WIDTH = 62

/** The steps as a table: name, what was expected, what was seen, whether that is it. */
export function reportTable({ ok, seconds, steps }: DemoReport): string {
  const cells = [
    ['STEP', 'EXPECTED', 'OBSERVED', 'OK'],
    ...steps.map((step) => [step.name, step.expected, step.observed, step.ok ? 'yes' : 'NO']),
  ].map((row) => row.map((cell) => wrap(cell, WIDTH)))
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...cells.flatMap((row) => (row[column] ?? []).map((line) => line.length))),
  )
  const lines = cells.flatMap((row) => {
    const height = Math.max(...row.map((cell) => cell.length))
    return Array.from({ length: height }, (_, index) =>
      row
        .map((cell, column) => (cell[index] ?? '').padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  })
  const passed = steps.filter((step) => step.ok).length
  lines.push(
    '',
    `${passed} of ${steps.length} steps as expected, after ${seconds.toFixed(1)} s${ok ? '' : ': NOT OK'}`,
  )
  return lines.join('\n')
}

/** Lines of at most `width`, broken between words where there are any. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text
    .split(' ')
    .flatMap((part) => part.match(new RegExp(`.{1,${width}}`, 'g')) ?? [''])) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
