/** Numbers for people. `–` where there is none. */
const NONE = '–'

/** Requests a second. */
export function rate(value: number): string {
  if (value === 0) return '0'
  if (value < 0.05) return '<0.1'
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
}

export function milliseconds(value: number | null): string {
  if (value === null) return NONE
  if (value < 1) return `${Math.round(value * 1000)} µs`
  if (value < 10) return `${value.toFixed(2)} ms`
  if (value < 100) return `${value.toFixed(1)} ms`
  if (value < 1000) return `${Math.round(value)} ms`
  return `${(value / 1000).toFixed(2)} s`
}

/** Of a share from 0 to 1. Never rounded up to 100 %: one failure in a million is one. */
export function success(share: number | null): string {
  if (share === null) return NONE
  if (share > 1 - 1e-9) return '100 %'
  return `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`
}

/** Of a share from 0 to 100. */
export function percent(share: number | null): string {
  if (share === null) return NONE
  return `${Number.isInteger(share) ? share : share.toFixed(1)} %`
}

export function clockTime(ms: number): string {
  const date = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
