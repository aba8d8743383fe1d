import type { Fields } from '../http/message.ts'

/**
 * Whether an application behind CGI (RFC 3875 section 4.1.18) or one of its heirs reads a field as the one of this
 * name, which is lower-case: letters count without their case, and whatever is neither letter nor digit is one `_`.
 */
export function readsAs(field: string, name: string): boolean {
  if (field.length !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    const a = field.charCodeAt(i)
    const b = name.charCodeAt(i)
    if (a === b || (b >= 0x61 && b <= 0x7a && a === b - 0x20)) continue
    if (b !== 0x2d || isAlphanumeric(a)) return false
  }
  return true
}

/** Removes what only an application reads as this field, and no proxy on the way: nobody vouches for it. */
export function removeLookalikes(fields: Fields, name: string): void {
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    const field = fields[i] as string
    if (isLookalike(field, name)) continue
    // Mostly there is none, and nothing is written.
    if (kept < i) {
      fields[kept] = field
      fields[kept + 1] = fields[i + 1] as string
    }
    kept += 2
  }
  if (kept < fields.length) fields.length = kept
}

function isLookalike(field: string, name: string): boolean {
  return field.length === name.length && field.toLowerCase() !== name && readsAs(field, name)
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}
