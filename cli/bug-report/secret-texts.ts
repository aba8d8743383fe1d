import { namesSecret } from './secret-names.ts'

/** Stands where a secret stood. */
export const REDACTED = '[redacted]'

type Replacement = readonly [pattern: RegExp, by: string | ((...groups: string[]) => string)]

const PEM_END = '-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----'
/** All lengths are bounded, so that no text costs more than a multiple of its own. */
const REPLACEMENTS: readonly Replacement[] = [
  // RFC 7468; a log may begin or end within one.
  [
    new RegExp(
      `-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?:[^]{0,16384}?${PEM_END}|(?:[A-Za-z0-9+/=\\\\]|\\s){0,16384})`,
      'g',
    ),
    REDACTED,
  ],
  // The same in base64, as Secrets and webhooks have PEM; certificates stay.
  [
    /LS0tLS1CRUdJTi[A-Za-z0-9+/=]{20,16384}/g,
    (whole) => (Buffer.from(whole, 'base64').toString('latin1').includes('PRIVATE KEY') ? REDACTED : whole),
  ],
  // RFC 7515 and 7516: a header that is a JSON object begins so; in base64 once more as well.
  [/eyJ[\w.-]+/g, (whole) => (/\w\./.test(whole) ? REDACTED : whole)],
  [/ZXlK[A-Za-z0-9+/=_-]{20,}/g, REDACTED],
  // What issuers of tokens put in front of them, so that they are found.
  [
    /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk[-_]|rk_live_|npm_|hvs\.|hvb\.|AKIA|ASIA|AIza|ya29\.|dop_v1_|pypi-)[\w-]{16,500}/g,
    REDACTED,
  ],
  // RFC 9110 section 11.4
  [/\b(Bearer|Negotiate|ApiKey|DPoP)(\s{1,4})[^\s"'\\,;]{1,16384}/gi, `$1$2${REDACTED}`],
  [
    /\b(Basic)(\s{1,4})([A-Za-z0-9+/]{4,16384}={0,2})/gi,
    (whole, scheme, blank, value) => (/[A-Z0-9+/=]/.test(value) ? `${scheme}${blank}${REDACTED}` : whole),
  ],
  // Fields of HTTP have all of their line; in quotes, all that is in them.
  [
    /((?:authorization|cookie)["'\\]{0,4}\s{0,4}[:=]\s{0,4})(\\?["'])((?:(?!\2)[^\r\n]){1,16384})/gi,
    `$1$2${REDACTED}`,
  ],
  [/((?:authorization|cookie)\s{0,4}[:=]\s{0,4})(?!\\?["'])[^\r\n]{1,16384}/gi, `$1${REDACTED}`],
  // RFC 3986 section 3.2.1
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/"'<>]{0,2000}@/gi, `$1${REDACTED}@`],
  [/([?&][^=&\s"'?]{1,100}=)[^&\s"'#\\]{1,8000}/g, `$1${REDACTED}`],
]

/** The text without what looks like a secret or is named like one. */
export function withoutSecrets(text: string): string {
  let left = text
  for (const [pattern, by] of REPLACEMENTS)
    left = typeof by === 'string' ? left.replace(pattern, by) : left.replace(pattern, by)
  return withoutNamed(withoutEndsOfKeys(left))
}

const KEY_END = new RegExp(PEM_END, 'g')
const LAST_LINE = /[A-Za-z0-9+/=]{1,100}(?:\\[rn]|\s){0,8}$/
/** With line ends as they are or as JSON writes them. */
const LINE_BEFORE = /[A-Za-z0-9+/=]{16,100}(?:\\[rn]|\s){1,8}$/
/** A key of 16,384 bits has some 200 lines. */
const MOST_LINES = 400

/** Keys whose beginning has been cut off, as at the beginning of a log. */
function withoutEndsOfKeys(text: string): string {
  let left = ''
  let from = 0
  for (const { index, 0: end } of text.matchAll(KEY_END)) {
    let at = index
    for (let lines = 0; lines < MOST_LINES; lines++) {
      const before = text.slice(Math.max(from, at - 116), at)
      const [line] = (lines === 0 ? LAST_LINE : LINE_BEFORE).exec(before) ?? []
      if (line === undefined) break
      at -= line.length
    }
    left += text.slice(from, at) + REDACTED
    from = index + end.length
  }
  return left + text.slice(from)
}

/** `name=`, `"name": ` and `--name `; "the token expired" is none of them. */
const NAME = /([\w.-]{1,80})(?:\\?["'])?\s{0,4}[:=]\s{0,4}|--([\w.-]{1,80})\s{1,4}/g
const VALUE = /(\\?["'])((?:(?!\1)[^\r\n]){1,8000})|\[[^\]\r\n]{1,8000}|[^\s"',;&]{1,8000}/y

/** Values go by the name before them. What is no secret may be a name itself, as in `said: password=x`. */
function withoutNamed(text: string): string {
  let left = ''
  let from = 0
  for (const match of text.matchAll(NAME)) {
    const at = match.index + match[0].length
    if (match.index < from || !namesSecret(match[1] ?? match[2] ?? '')) continue
    VALUE.lastIndex = at
    const [value, quote = ''] = VALUE.exec(text) ?? []
    if (value === undefined) continue
    left += `${text.slice(from, at)}${quote}${REDACTED}`
    from = at + value.length
  }
  return left + text.slice(from)
}
