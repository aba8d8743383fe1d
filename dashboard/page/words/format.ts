/** Numbers and times for people. `–` where there is none. */
export const NONE = '–'

/** Requests a second. */
export function rate(value: number | null): string {
  if (value === null) return NONE
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

/** Local time of day of milliseconds since the epoch. */
export function clockTime(ms: number): string {
  const date = new Date(ms)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
}

/** Local day and time, `2026-06-01 09:30:00`. */
export function dateTime(ms: number): string {
  const date = new Date(ms)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(ms)}`
}

/** A length of time in its two largest units: `3 d 4 h`, `12 min`, `40 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.round(whole / 60)} min`
  const hours = Math.round(whole / 3600)
  if (hours < 48) return `${hours} h`
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** `spiffe://cluster.local/ns/shop/sa/web` as `shop/web`; what is no such identity as it is. */
export function identityName(identity: string): string {
  const [, namespace, account] = /^spiffe:\/\/[^/]*\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(identity) ?? []
  return namespace === undefined ? identity : `${namespace}/${account}`
}

/** `good` from 99.9 %, `poor` from 99 %, else `bad`; `none` where nothing was seen. */
export function successClass(share: number | null): 'good' | 'poor' | 'bad' | 'none' {
  if (share === null) return 'none'
  return share >= 0.999 ? 'good' : share >= 0.99 ? 'poor' : 'bad'
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
