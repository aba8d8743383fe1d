import type { Interval } from './interval.ts'
import type { Comparison } from './measure.ts'

const COLUMNS: readonly (readonly [title: string, width: number, read: (row: Comparison) => string])[] = [
  ['case', 10, (row) => row.case],
  ['conns', 6, (row) => String(row.connections)],
  ['us now', 7, (row) => figure(row.cpu_us?.[0])],
  ['before', 7, (row) => figure(row.cpu_us?.[1])],
  ['CPU', 21, (row) => interval(row.cpu)],
  ['', 9, (row) => row.cpu?.verdict ?? ''],
  ['MiB now', 8, (row) => mebibytes(row.private_kib?.[0])],
  ['before', 7, (row) => mebibytes(row.private_kib?.[1])],
  ['memory', 21, (row) => interval(row.memory)],
  ['', 9, (row) => row.memory?.verdict ?? ''],
]

export function comparisonHeading(): string {
  return COLUMNS.map(([title, width], i) => (i === 0 ? title.padEnd(width) : title.padStart(width))).join(' ')
}

export function comparisonText(row: Comparison): string {
  if (row.error !== undefined) return `${row.case.padEnd(10)} ${row.connections}  failed: ${row.error}`
  return COLUMNS.map(([, width, read], i) =>
    i === 0 ? read(row).padEnd(width) : read(row).padStart(width),
  ).join(' ')
}

function interval(of: Interval | null): string {
  if (!of) return ''
  const { middle, low, high } = of
  return `${middle.toFixed(3)} (${low.toFixed(3)}-${high === Infinity ? 'any' : high.toFixed(3)})`
}

function figure(value: number | undefined): string {
  return value === undefined ? '' : String(value)
}

function mebibytes(kib: number | undefined): string {
  return kib === undefined ? '' : (kib / 1024).toFixed(1)
}
