import { isIP } from 'node:net'
import type { Fields, TextCheck } from '../../fields.ts'
import type { Listed } from './policy.ts'

/** How many values one list may hold. */
export const MOST_VALUES = 64

/** What is wrong with one value, with what to do where the message does not say; or undefined. */
export type ValueCheck = (value: string) => string | Wrong | undefined

export interface Wrong {
  readonly message: string
  readonly remedy: string
}

/** `name` and its `not` form; undefined where neither is there. */
export function readBoth<T>(
  fields: Fields,
  name: string,
  read: (fields: Fields, name: string) => readonly T[],
): Listed<T> | undefined {
  const negative = `not${name.charAt(0).toUpperCase()}${name.slice(1)}`
  // Asked for both, so that both are known names.
  const values = readFilled(fields, name, read)
  const notValues = readFilled(fields, negative, read)
  return fields.has(name) || fields.has(negative) ? { values, notValues } : undefined
}

/** A list that may be left out, and may not be empty: who wrote `[]` meant everything, or nothing. */
export function readFilled<T>(
  fields: Fields,
  name: string,
  read: (fields: Fields, name: string) => readonly T[],
  most = MOST_VALUES,
): readonly T[] {
  if (!fields.atMost(name, most)) {
    fields.skip(name)
    return []
  }
  if (Array.isArray(fields.any(name)) && (fields.any(name) as readonly unknown[]).length === 0)
    fields.problemWith('name what it is for, or leave it out', 'is empty', name)
  return read(fields, name)
}

/** Texts that `check` finds nothing wrong with. */
export function textsWith(check: ValueCheck): (fields: Fields, name: string) => readonly string[] {
  return (fields, name) => {
    const values = fields.texts(name)
    for (const [at, value] of values.entries()) {
      const problem = check(value)
      if (typeof problem === 'string') fields.problem(problem, name, at)
      else if (problem) fields.problemWith(problem.remedy, problem.message, name, at)
    }
    return values
  }
}

/** A value as `what` says it is; `*` may stand for all of it, its beginning or its end. */
export function wildcard(what: TextCheck): ValueCheck {
  return (value) => {
    if (value === '*') return undefined
    const literal = withoutWildcard(value)
    if (literal.includes('*')) return starProblem(value)
    if (literal === '') return { message: 'is empty', remedy: 'write what it must be, or * for anything' }
    return what.pattern.test(literal) ? undefined : `must be ${what.is}, got ${JSON.stringify(value)}`
  }
}

/** As `what` says, in full. */
export function exactly(what: TextCheck): ValueCheck {
  return (value) =>
    what.pattern.test(value) ? undefined : `must be ${what.is}, got ${JSON.stringify(value)}`
}

export function withoutWildcard(value: string): string {
  if (value.endsWith('*')) return value.slice(0, -1)
  return value.startsWith('*') ? value.slice(1) : value
}

export function starProblem(value: string): Wrong {
  return {
    message: `has a * within ${JSON.stringify(value)}`,
    remedy: 'write it at the beginning or at the end, and once',
  }
}

/** `10.0.0.0/8`, or an address alone. */
export const ipBlock: ValueCheck = (value) => {
  const [address = '', bits, ...more] = value.split('/')
  const family = isIP(address)
  const most = family === 6 ? 128 : 32
  if (family === 0 || address.includes('%') || more.length > 0 || !withinBits(bits, most))
    return `must be an IP address or a block such as 10.0.0.0/8 or 2001:db8::/32, got ${JSON.stringify(value)}`
  return undefined
}

function withinBits(bits: string | undefined, most: number): boolean {
  return bits === undefined || (/^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= most)
}

const CLAIM_TEXT = /^[ -~]+$/

/** `ISSUER/SUBJECT` of a token. */
export const requestPrincipal: ValueCheck = (value) => {
  const problem = wildcard({ pattern: CLAIM_TEXT, is: 'printable' })(value)
  if (problem !== undefined || value.includes('*') || value.includes('/')) return problem
  return `must be ISSUER/SUBJECT of a token, such as https://issuer.example/*, got ${JSON.stringify(value)}`
}

/** Text of a header or a claim. */
export const printable: ValueCheck = wildcard({ pattern: CLAIM_TEXT, is: 'printable' })

/** Of TLS. */
export const sni: ValueCheck = wildcard({ pattern: /^[-A-Za-z0-9._]+$/, is: 'a host name' })
