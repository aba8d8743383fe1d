import type { Row } from '../result.ts'

const COLUMNS: readonly (readonly [title: string, width: number, read: (row: Row) => string])[] = [
  ['case', 10, (row) => row.case],
  ['conns', 6, (row) => String(row.connections)],
  ['peer', 8, (row) => row.peer],
  ['CPU us/req', 11, (row) => figure(row.cpu_us_per_request)],
  ['spread', 12, (row) => row.cpu_spread?.join('-') ?? ''],
  ['req/s', 8, (row) => figure(row.rps)],
  ['p50 us', 8, (row) => figure(row.p50_us)],
  ['p99 us', 8, (row) => figure(row.p99_us)],
  ['RSS MiB', 8, (row) => mebibytes(row.rss_kib)],
  ['PSS MiB', 8, (row) => mebibytes(row.pss_kib)],
  ['own MiB', 8, (row) => mebibytes(row.private_kib)],
  ['to Weft', 8, (row) => figure(row.ratio_to_weft)],
  ['spread', 12, (row) => row.ratio_spread?.join('-') ?? ''],
  ['start ms', 9, (row) => figure(row.ready_ms ?? null)],
  ['idle %', 7, (row) => figure(row.idle_cpu_percent ?? null)],
]

export function headingText(): string {
  return COLUMNS.map(([title, width], i) => (i < 3 ? title.padEnd(width) : title.padStart(width))).join(' ')
}

export function rowText(row: Row): string {
  const cells = COLUMNS.map(([, width, read], i) =>
    i < 3 ? read(row).padEnd(width) : read(row).padStart(width),
  )
  return row.error === undefined
    ? cells.join(' ').trimEnd()
    : `${cells.slice(0, 3).join(' ')}  failed: ${row.error}`
}

/** The same as Markdown, without the columns that none of the rows fills. */
export function markdownTable(rows: readonly Row[]): string {
  const filled = COLUMNS.filter(([title, , read]) => title !== 'case' && rows.some((row) => read(row) !== ''))
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(filled.map(([title]) => title)),
    line(filled.map(([title]) => (title === 'peer' ? '---' : '---:'))),
    ...rows.map((row) =>
      line(filled.map(([, , read], i) => (row.error && i === 2 ? `failed: ${row.error}` : read(row)))),
    ),
  ].join('\n')
}

function figure(value: number | null): string {
  return value === null ? '' : String(value)
}

function mebibytes(kib: number | null): string {
  return kib === null ? '' : (kib / 1024).toFixed(1)
}
