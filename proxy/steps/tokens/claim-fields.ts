import type { TokenProvider } from './provider.ts'

/** One char is one byte, as in a head. */
const FIELD_VALUE = /^[!-~\u0080-\u00ff](?:[ -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?$/

type Claims = Readonly<Record<string, unknown>>

/** Names and values that the application gets of a verified token; `text` is the token. */
export function claimFields(
  { payloadField, claimFields }: TokenProvider,
  claims: Claims,
  text: string,
): string[] {
  const fields: string[] = []
  if (payloadField !== '') fields.push(payloadField, text.split('.', 2)[1] as string)
  for (const { name, path } of claimFields) {
    const value = fieldValue(claimAt(claims, path))
    if (value !== undefined) fields.push(name, value)
  }
  return fields
}

/** What stands at a path of names; nothing is inherited. */
export function claimAt(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined
    value = (value as Claims)[name]
  }
  return value
}

/**
 * A claim as the value of a field: text as it is, in UTF-8; numbers and booleans in JSON; lists and maps as JSON in
 * base64url, as Envoy writes them. Undefined: there is none, or it cannot be a value (RFC 9110 section 5.5): a control
 * character would end the line, and white space at an end is no part of one.
 */
function fieldValue(claim: unknown): string | undefined {
  if (typeof claim === 'string') {
    const bytes = Buffer.from(claim).toString('latin1')
    return FIELD_VALUE.test(bytes) ? bytes : undefined
  }
  if (typeof claim === 'number' || typeof claim === 'boolean') return String(claim)
  if (typeof claim !== 'object' || claim === null) return undefined
  return Buffer.from(JSON.stringify(claim)).toString('base64url')
}
