/** In place of what nobody is to see. */
export const WITHHELD = '(withheld)'

/**
 * Names of credentials, or parts of such names: fields of RFC 9110 section 11, RFC 6265 and RFC 8959, and what applications call
 * theirs. One too many is no harm: what a field is called is still told.
 */
const CREDENTIAL =
  /auth|cookie|token|secret|passw|passphrase|passcode|credential|session|signature|\bsig\b|api-?_?key|access-?_?key|private|jwt|saml|assertion|csrf|xsrf|nonce|\botp\b|\bpin\b|\bpwd\b|\bsid\b|^code$|bearer/i
/** Fields that are called so and hold none. */
const HARMLESS = new Set([':authority', 'author'])
/** What is one whatever it stands in: a scheme of RFC 9110 section 11 with its credentials, a JSON Web Token, a private key. */
const CREDENTIAL_VALUE =
  /^(basic|bearer|digest|negotiate|dpop|apikey|aws4-hmac-sha256)\s|eyJ[\w-]{8,}\.[\w-]{8,}|PRIVATE KEY|:\/\/[^/\s@]+@/i

const LONGEST_VALUE = 512
const LONGEST_QUERY = 1024
const MOST_FIELDS = 48
/** Characters of all names and values together. */
const LONGEST_ALL = 8 * 1024

/**
 * Header fields as people may see them: `fields` is name, value, name, value, one char a byte. Values of credentials are withheld,
 * those of a repeated field joined by a comma; what is too long is cut.
 */
export function shownFields(fields: readonly string[]): Record<string, string> {
  const shown = new Map<string, string>()
  let length = 0
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = (fields[i] as string).slice(0, LONGEST_VALUE)
    const before = shown.get(name)
    if (before === undefined && shown.size >= MOST_FIELDS) break
    const text = shownValue(name, fields[i + 1] as string)
    length += name.length + text.length
    if (length > LONGEST_ALL) break
    const value = before === undefined || before === WITHHELD ? text : `${before}, ${text}`
    shown.set(name, value.slice(0, LONGEST_VALUE))
  }
  return Object.fromEntries(shown)
}

/** The same of the part of a path behind `?`. */
export function shownQuery(query: string): string {
  const parts = query.slice(0, 4 * LONGEST_QUERY).split('&')
  const shown = parts.map((part) => {
    const [name, value] = splitOnce(part)
    if (value === undefined) return isCredentialValue(decoded(name)) ? WITHHELD : name
    return isCredential(decoded(name)) || isCredentialValue(decoded(value)) ? `${name}=${WITHHELD}` : part
  })
  return shown.join('&').slice(0, LONGEST_QUERY)
}

function shownValue(name: string, value: string): string {
  if (isCredential(name)) return WITHHELD
  // Before it is cut: a token that is cut is no token any more.
  const text = Buffer.from(value.slice(0, 2 * LONGEST_VALUE), 'latin1').toString()
  if (isCredentialValue(text)) return WITHHELD
  // Of the address of a page its query may hold what that of the request may.
  const [before, query] = splitAt(text, '?')
  const whole = query !== undefined && /^https?:\/\//i.test(before) ? `${before}?${shownQuery(query)}` : text
  return whole.slice(0, LONGEST_VALUE)
}

function isCredential(name: string): boolean {
  return CREDENTIAL.test(name) && !HARMLESS.has(name)
}

function isCredentialValue(value: string): boolean {
  return CREDENTIAL_VALUE.test(value)
}

function splitOnce(part: string): readonly [string, string | undefined] {
  return splitAt(part, '=')
}

function splitAt(text: string, mark: string): readonly [string, string | undefined] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** Who writes `%74oken` means `token`. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
