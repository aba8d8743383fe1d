import { WeftError } from '../../../core/errors.ts'

export type Query = Readonly<Record<string, unknown>>

/** Refuses parameters that a page does not have: a typing mistake is told, not ignored. */
export function onlyParameters(query: Query, known: readonly string[]): void {
  for (const name of Object.keys(query))
    if (!known.includes(name)) {
      const has = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`
      throw bad(name, `is no parameter of this page: ${has}`)
    }
}

/** A whole number from 1 to `most`, or `otherwise` when it is not given. */
export function countParameter(query: Query, name: string, otherwise: number, most: number): number {
  const text = textParameter(query, name)
  if (text === undefined) return otherwise
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (value < 1 || value > most) throw bad(name, `must be a whole number from 1 to ${most}`)
  return value
}

/** One of these words. */
export function wordParameter<Word extends string>(query: Query, name: string, words: readonly Word[]): Word {
  const text = textParameter(query, name)
  const word = words.find((one) => one === text)
  if (word === undefined) throw bad(name, `must be one of ${words.join(', ')}`)
  return word
}

const LONGEST_TEXT = 1024

/** Any text that is not longer than a name of anything; '' is none. */
export function boundedText(query: Query, name: string): string | undefined {
  const text = textParameter(query, name)
  if (text !== undefined && text.length > LONGEST_TEXT)
    throw bad(name, `must be at most ${LONGEST_TEXT} characters`)
  return text === '' ? undefined : text
}

/** The same, which has to be there. */
export function requiredText(query: Query, name: string): string {
  const text = boundedText(query, name)
  if (text === undefined) throw bad(name, 'is required here')
  return text
}

/** `503`, or `5xx`, or 0. */
export function statusParameter(query: Query, name: string): string | undefined {
  const text = boundedText(query, name)
  if (text === undefined || /^([1-5]xx|0|[1-5]\d\d)$/.test(text)) return text
  throw bad(name, 'must be a status, e.g. 503, or 5xx; 0 where none came')
}

/** Milliseconds, with fractions; undefined where it is not given. */
export function durationParameter(query: Query, name: string): number | undefined {
  const text = textParameter(query, name)
  if (text === undefined) return undefined
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text)) throw bad(name, 'must be milliseconds, e.g. 250 or 0.5')
  return Number(text)
}

/** `catalog` or `catalog.shop`. */
export function serviceParameter(query: Query, name: string): string | undefined {
  const text = textParameter(query, name)
  if (text === undefined || text === '') return undefined
  if (text.length > 320) throw bad(name, 'must be at most 320 characters, e.g. catalog.shop')
  return text
}

/** Name of a namespace; undefined where it is not given. */
export function namespaceParameter(query: Query, name: string): string | undefined {
  const text = textParameter(query, name)
  if (text === undefined || /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) return text
  throw bad(name, 'must be the name of a namespace')
}

/** The name of an object of Kubernetes. */
export function nameParameter(query: Query, name: string): string {
  const text = textParameter(query, name) ?? ''
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text)) throw bad(name, 'must be the name of an object')
  return text
}

/** 1 to 65535. */
export function portParameter(query: Query, name: string): number {
  const text = textParameter(query, name) ?? ''
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65535) throw bad(name, 'must be a port, 1 to 65535')
  return port
}

export function flagParameter(query: Query, name: string): boolean {
  const text = textParameter(query, name)
  if (text === undefined || text === 'false') return false
  if (text !== 'true') throw bad(name, 'must be true or false')
  return true
}

/** Up to `most` values of one parameter, each of at most 1,024 characters. */
export function listParameter(query: Query, name: string, most: number): string[] {
  const values = [query[name] ?? []].flat()
  if (values.length > most) throw bad(name, `may be given ${most} times at most`)
  return values.map((value) => {
    if (typeof value === 'string' && value.length <= 1024) return value
    throw bad(name, 'must be at most 1,024 characters')
  })
}

/** 32 lower-case hexadecimal digits. */
export function traceIdParameter(value: unknown, name: string): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{32}$/.test(value) || /^0+$/.test(value))
    throw bad(name, 'must be a trace id: 32 lower-case hexadecimal digits, not all zero')
  return value
}

/** Undefined where it is not given; refuses one that is given twice. */
export function textParameter(query: Query, name: string): string | undefined {
  const value = query[name]
  if (value === undefined || typeof value === 'string') return value
  throw bad(name, 'must be given once')
}

function bad(name: string, message: string): WeftError {
  return new WeftError('api.bad_parameter', message, { field: name })
}
