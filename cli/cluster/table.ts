/** Rows below their titles, in columns of the width that they need. */
export function tableText(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [titles, ...rows]
  const widths = titles.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/** `in 3 d`, `in 5 h`, `2 min ago`. */
export function relativeTime(then: number, now: number): string {
  const ms = Math.abs(then - now)
  const [size, unit] = (
    [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [60_000, 'min'],
      [1000, 's'],
    ] as const
  ).find(([one]) => ms >= 2 * one) ?? [1000, 's']
  const amount = `${Math.floor(ms / size)} ${unit}`
  return then >= now ? `in ${amount}` : `${amount} ago`
}
