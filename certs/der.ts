import asn1, { type Asn1 } from 'node-forge/lib/asn1.js'
import { WeftError } from '../core/errors.ts'

/** A parsed or built ASN.1 value. Leaf values are binary strings, one char a byte, as node-forge has them. */
export type { Asn1 }

/** Universal tags in use (X.680). */
export const Tag = {
  BOOLEAN: 1,
  INTEGER: 2,
  BIT_STRING: 3,
  OCTET_STRING: 4,
  NULL: 5,
  OID: 6,
  UTF8: 12,
  SEQUENCE: 16,
  SET: 17,
  PRINTABLE: 19,
  IA5: 22,
  UTC_TIME: 23,
  GENERALIZED_TIME: 24,
} as const

const UNIVERSAL = 0
const CONTEXT = 0x80

const primitive = (tag: number, value: string): Asn1 => asn1.create(UNIVERSAL, tag, false, value)

export const sequence = (...items: Asn1[]): Asn1 => asn1.create(UNIVERSAL, Tag.SEQUENCE, true, items)
export const set = (...items: Asn1[]): Asn1 => asn1.create(UNIVERSAL, Tag.SET, true, items)
export const oid = (dotted: string): Asn1 => primitive(Tag.OID, asn1.oidToDer(dotted).bytes())
export const bool = (value: boolean): Asn1 => primitive(Tag.BOOLEAN, value ? '\xff' : '\x00')
export const octets = (bytes: Uint8Array): Asn1 => primitive(Tag.OCTET_STRING, binary(bytes))
export const utf8 = (text: string): Asn1 => primitive(Tag.UTF8, binary(Buffer.from(text)))
export const smallInteger = (value: number): Asn1 => primitive(Tag.INTEGER, asn1.integerToDer(value).bytes())

/** `bytes` must already be minimal and positive. */
export const integer = (bytes: Uint8Array): Asn1 => primitive(Tag.INTEGER, binary(bytes))

/** `unused`: bits at the end of the last byte that do not count. */
export const bits = (bytes: Uint8Array, unused = 0): Asn1 =>
  primitive(Tag.BIT_STRING, String.fromCharCode(unused) + binary(bytes))

/** `[n]` around other values. */
export const explicit = (n: number, ...items: Asn1[]): Asn1 => asn1.create(CONTEXT, n, true, items)
/** `[n]` instead of a universal tag, with these content bytes. */
export const implicit = (n: number, bytes: Uint8Array): Asn1 => asn1.create(CONTEXT, n, false, binary(bytes))

/** Time of RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on; whole seconds. */
export function time(ms: number): Asn1 {
  const date = new Date(ms)
  if (date.getUTCFullYear() < 2050) return primitive(Tag.UTC_TIME, asn1.dateToUtcTime(date))
  return primitive(Tag.GENERALIZED_TIME, asn1.dateToGeneralizedTime(date))
}

export function toDer(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).bytes(), 'latin1')
}

/**
 * Parses strict DER. What does not encode back to the same bytes (BER lengths, rest at the end, deep nesting)
 * is refused, so that a signature is checked over exactly what was read. Throws WeftError `der.malformed`.
 */
export function fromDer(bytes: Uint8Array, what: string): Asn1 {
  let value: Asn1
  try {
    // Bit strings stay bytes: guessing at their content is not ours.
    value = asn1.fromDer(binary(bytes), { strict: true, parseAllBytes: true, decodeBitStrings: false })
    if (toDer(value).equals(bytes)) return value
  } catch (cause) {
    throw new WeftError('der.malformed', `${what} is not DER`, { cause })
  }
  throw new WeftError('der.malformed', `${what} is not DER: it has another encoding of the same value`)
}

/** Items of a SEQUENCE or SET, or of `[n]`. Throws WeftError `der.malformed` naming `what`. */
export function items(value: Asn1 | undefined, tag: number, what: string): Asn1[] {
  if (!value || value.tagClass !== UNIVERSAL || !isTag(value, tag) || !Array.isArray(value.value)) {
    throw unexpected(what)
  }
  return value.value
}

/** Content of a primitive universal value. */
export function content(value: Asn1 | undefined, tag: number, what: string): Buffer {
  if (!value || value.tagClass !== UNIVERSAL || !isTag(value, tag) || typeof value.value !== 'string') {
    throw unexpected(what)
  }
  return Buffer.from(value.value, 'latin1')
}

/** Items of `[n]`, or undefined if `value` is something else. */
export function contextItems(value: Asn1 | undefined, n: number): Asn1[] | undefined {
  if (!value || value.tagClass !== CONTEXT || !isTag(value, n) || !Array.isArray(value.value))
    return undefined
  return value.value
}

/** Number and content bytes of a `[n]` value, as GeneralName has them. */
export function contextValue(value: Asn1): { n: number; bytes: Buffer } | undefined {
  if (value.tagClass !== CONTEXT) return undefined
  const bytes = Array.isArray(value.value)
    ? Buffer.concat(value.value.map(toDer))
    : Buffer.from(value.value, 'latin1')
  return { n: value.type, bytes }
}

export function oidOf(value: Asn1 | undefined, what: string): string {
  const bytes = content(value, Tag.OID, what)
  if (bytes.length === 0) throw unexpected(what)
  return asn1.derToOid(binary(bytes))
}

/** Bytes of a BIT STRING that has only whole bytes. */
export function wholeBits(value: Asn1 | undefined, what: string): Buffer {
  const bytes = content(value, Tag.BIT_STRING, what)
  if (bytes[0] !== 0) throw unexpected(what)
  return bytes.subarray(1)
}

export function isBoolean(value: Asn1 | undefined): value is Asn1 {
  return value !== undefined && value.tagClass === UNIVERSAL && isTag(value, Tag.BOOLEAN)
}

function isTag(value: Asn1, tag: number): boolean {
  return value.type === tag
}

function unexpected(what: string): WeftError {
  return new WeftError('der.malformed', `${what} is missing or has another type than its standard says`)
}

function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/**
 * The bytes of each of several SEQUENCEs that stand one after the other, as the SPIFFE Workload API joins certificates. Throws
 * WeftError `der.malformed`.
 */
export function derSequences(bytes: Uint8Array, what: string): readonly Uint8Array[] {
  const found: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at + 1] ?? 0
    const extra = first < 0x80 ? 0 : first & 0x7f
    let length = extra === 0 ? first : 0
    for (let i = 0; i < extra; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0)
    const end = at + 2 + extra + length
    // X.690 section 8.1.3: no certificate is longer than three bytes of length say, and the indefinite form is no DER.
    if (bytes[at] !== 0x30 || first === 0x80 || extra > 3 || end > bytes.length)
      throw new WeftError('der.malformed', `${what} is no list of DER sequences`)
    found.push(bytes.subarray(at, end))
    at = end
  }
  return found
}
