import type { Attack } from './attack.ts'
import type { AttackResult } from './verdict.ts'

export interface AttackReport {
  /** Everything held. */
  readonly ok: boolean
  readonly attacks: readonly AttackResult[]
}

/** A line for each attack, and below it what did not hold. */
export function reportTable({ ok, attacks }: AttackReport, all: readonly Attack[]): string {
  const head = ['ATTACK', 'HONEST', 'FAILED', 'STALL', 'MEMORY', 'GROWTH', 'OK']
  const rows = attacks.map((one) => [
    one.name,
    String(one.honest_requests),
    String(one.honest_failed),
    `${one.stall_ms} ms`,
    `${one.rss_mib} MiB`,
    `${one.growth_mib} MiB`,
    one.ok ? 'yes' : 'NO',
  ])
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  const lines = [line(head)]
  for (const [index, row] of rows.entries()) {
    const result = attacks[index]
    lines.push(line(row), `    ${all.find(({ name }) => name === result?.name)?.what ?? ''}`)
    for (const problem of result?.problems ?? []) lines.push(`    NOT OK: ${problem}`)
  }
  const held = attacks.filter((one) => one.ok).length
  return [...lines, '', `${held} of ${attacks.length} held${ok ? '' : ': NOT OK'}`].join('\n')
}
