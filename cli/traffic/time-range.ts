import { WeftError } from '../../core/errors.ts'
import type { CommandDescription } from '../../core/command-line/description.ts'

/** Of commands that look at a range of time. */
export const RANGE_FLAGS = {
  last: { value: 'TIME', help: 'the last 90s, 5m, 2h or 1d', otherwise: '5m' },
  from: { value: 'TIME', help: 'in place of --last: 2026-01-31T12:00:00Z, or how long ago, such as 2h' },
  to: { value: 'TIME', help: 'the end, like --from', otherwise: 'now' },
} as const satisfies CommandDescription['flags']

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }
/** A week: no store keeps more. */
const MOST_SECONDS = 7 * 86_400

export interface RangeValues {
  readonly last: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
}

/** What a page is asked for a range: `last` in seconds, or `from` and `to` in milliseconds. Throws WeftError `cli.flags`. */
export function rangeQuery({ last, from, to }: RangeValues, now: number): Readonly<Record<string, string>> {
  if (last !== undefined && (from !== undefined || to !== undefined))
    throw new WeftError('cli.flags', 'goes without --from and --to', { field: '--last' })
  if (from === undefined && to !== undefined)
    throw new WeftError('cli.flags', 'needs --from: where the range begins', { field: '--to' })
  if (from === undefined) return { last: String(secondsOf('--last', last ?? '5m')) }
  const begin = momentOf('--from', from, now)
  const end = to === undefined ? now : momentOf('--to', to, now)
  if (begin >= end) throw new WeftError('cli.flags', 'must be before --to', { field: '--from' })
  return { from: String(begin), to: String(end) }
}

function momentOf(field: string, text: string, now: number): number {
  if (/^\d+[smhd]?$/.test(text)) return now - secondsOf(field, text) * 1000
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN
  if (!Number.isNaN(at)) return at
  throw new WeftError(
    'cli.flags',
    `"${text}" must be a time such as 2026-01-31T12:00:00Z, or 2h for two hours ago`,
    {
      field,
    },
  )
}

/** `90`, `90s`, `5m`, `2h`, `1d` in seconds. Throws WeftError `cli.flags`. */
export function secondsOf(field: string, text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,7})([smhd]?)$/.exec(text) ?? []
  const seconds = count === '' ? 0 : Number(count) * (UNITS[unit] ?? 0)
  if (seconds >= 1 && seconds <= MOST_SECONDS) return seconds
  throw new WeftError('cli.flags', `"${text}" must be 90s, 5m, 2h or 1d, and a week at most`, { field })
}
