import { machineText } from '../report/machine.ts'
import { writeBetween } from '../report/document.ts'
import type { Options } from '../options.ts'
import { measureAdmission, TARGET, type AdmissionCase, type AdmissionRow } from './measure.ts'

const BEGIN =
  '<!-- Written by `npm run bench -- --case admission,admission-memory --seconds 20 --document docs/admission.md`: -->'

const COLUMNS: readonly (readonly [title: string, read: (row: AdmissionRow) => string])[] = [
  ['case', (row) => row.case],
  ['pod', (row) => row.pod],
  ['asked/s', (row) => (row.rate === null ? 'all it can' : String(row.rate))],
  ['reviews', (row) => String(row.reviews)],
  ['answered/s', (row) => String(row.per_second)],
  ['CPU us/review', (row) => String(row.cpu_us_per_review)],
  ['p50 us', (row) => String(row.p50_us)],
  ['p99 us', (row) => String(row.p99_us)],
  ['max us', (row) => String(row.max_us)],
  ['RSS MiB early', (row) => mebibytes(row.rss_kib[0])],
  ['RSS MiB late', (row) => mebibytes(row.rss_kib[1])],
]

/** Measures and tells; the exit code: 1 when 200 ordinary pods a second take more than the target. */
export async function reportAdmission(cases: readonly AdmissionCase[], options: Options): Promise<number> {
  const say = options.json ? console.error : console.log
  const machine = machineText([])
  const widths = COLUMNS.map(([title]) => Math.max(title.length, 10))
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  ')
  say(`${machine}\n\n${line(COLUMNS.map(([title]) => title))}`)
  const rows = await measureAdmission(cases, options.seconds, (row) =>
    say(line(COLUMNS.map(([, read]) => read(row)))),
  )
  if (options.json) console.log(JSON.stringify(rows, undefined, 2))
  if (options.document !== undefined) writeBetween(options.document, BEGIN, `${machine}\n\n${table(rows)}`)
  const slow = rows.some((row) => row.rate === TARGET.rate && row.p99_us > TARGET.p99Us)
  if (slow) console.error(`bench: p99 is above ${TARGET.p99Us} us at ${TARGET.rate} reviews a second`)
  return slow ? 1 : 0
}

function table(rows: readonly AdmissionRow[]): string {
  const cells = (values: readonly string[]) => `| ${values.join(' | ')} |`
  return [
    cells(COLUMNS.map(([title]) => title)),
    cells(COLUMNS.map((_, at) => (at < 2 ? '---' : '---:'))),
    ...rows.map((row) => cells(COLUMNS.map(([, read]) => read(row)))),
  ].join('\n')
}

function mebibytes(kib: number): string {
  return (kib / 1024).toFixed(1)
}
