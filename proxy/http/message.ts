import type { Spelling } from './spelling.ts'

/**
 * Header fields as a flat list: name, value, name, value, in the order of the wire. Names are lower-case;
 * one char of a value is one byte of the wire (latin1), so that bytes which are not UTF-8 pass unchanged.
 * Connection-specific fields (RFC 9110 section 7.6.1) and `host` never stand here: codecs take them out
 * and put them in. `content-length` does stand here.
 */
export type Fields = string[]

export interface RequestHead {
  method: string
  /** `http` or `https` as the client used it. */
  scheme: string
  /** Host header or `:authority`; empty where HTTP/1.0 sent none. */
  authority: string
  /** Origin-form with query (`/a?b`), `*` for OPTIONS, empty for CONNECT. Bytes as they came. */
  path: string
  fields: Fields
  /** How HTTP/1.1 wrote and writes the names of `fields`, and of those that a codec keeps to itself; undefined: in lower case. */
  spelling?: Spelling | undefined
  /** Lower-case protocol that an HTTP/1.1 Upgrade or an extended CONNECT (RFC 8441) asks for, or ''. */
  upgrade: string
}

export interface ResponseHead {
  /** 101 accepts an upgrade, also where HTTP/2 says 200 on the wire. */
  status: number
  fields: Fields
  /** As of a request. */
  spelling?: Spelling | undefined
}

/** First value of a field, or undefined. `name` is lower-case. */
export function field(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1]
  return undefined
}

/** Every value of a field, in order. */
export function fieldValues(fields: Fields, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) values.push(fields[i + 1] as string)
  return values
}

/** Replaces all values of a field by one, in place of the first. */
export function setField(fields: Fields, name: string, value: string): void {
  const at = placeOf(fields, name, 0)
  if (at < 0) {
    fields.push(name, value)
    return
  }
  fields[at + 1] = value
  removeFrom(fields, name, at + 2)
}

/** Removes every value of a field. */
export function removeField(fields: Fields, name: string): void {
  removeFrom(fields, name, 0)
}

/** Index of the first field of the name from `from` on, or -1. */
function placeOf(fields: Fields, name: string, from: number): number {
  for (let i = from; i < fields.length; i += 2) if (fields[i] === name) return i
  return -1
}

/** Most messages have none of what is taken out of them: nothing is written to their lists. */
function removeFrom(fields: Fields, name: string, from: number): void {
  let kept = placeOf(fields, name, from)
  if (kept < 0) return
  for (let i = kept + 2; i < fields.length; i += 2) {
    if (fields[i] === name) continue
    fields[kept] = fields[i] as string
    fields[kept + 1] = fields[i + 1] as string
    kept += 2
  }
  fields.length = kept
}
