import type { PathRules } from '../model/path-rules.ts'

/** A path that nothing may be decided on: answered with 400, to gRPC with INTERNAL. */
export interface RefusedPath {
  readonly kind: 'refused'
  /** Stable, for the log and `proxy-status`. */
  readonly reason: string
  /** For a person; never repeats the path. */
  readonly message: string
}

/** The client is sent to `path` (with query) by 307; gRPC, which follows none, gets INTERNAL. */
export interface RedirectedPath {
  readonly kind: 'redirected'
  readonly path: string
}

const MALFORMED_ESCAPE = refused('path_malformed_escape', 'a "%" of the path has no two hexadecimal digits')
const NUL = refused('path_with_nul', 'the path may not hold %00')
const FRAGMENT = refused('path_with_fragment', 'a fragment ("#") is never sent')
const RELATIVE = refused('path_relative', 'the path must start with "/"')
const ABOVE_ROOT = refused('path_above_root', 'the path climbs above the root')
const ESCAPED_SLASH = refused('path_with_escaped_slash', 'the path may not hold %2F or %5C')
const HIDDEN_BY_SLASH = refused('path_hides_dot_segment', 'a %2F or %5C hides a dot segment of the path')
const PARAMETER = refused('path_with_parameter', 'the path may not hold ";" or %3B')
const HIDDEN_BY_PARAMETER = refused('path_hides_segment', 'a ";" hides a dot segment of the path')
const OTHER_HOST = refused('path_names_host', 'the path without escaped slashes would name another host')

const BACKSLASH = 0x5c
const DOT = 0x2e
const FRAGMENT_MARK = 0x23
const PERCENT = 0x25
const QUESTION = 0x3f
const SEMICOLON = 0x3b
const SLASH = 0x2f

// What may change or refuse the path, or ends it. V8's search is twice as fast as a loop over charCodeAt.
const FIRST_NOTABLE = /[\\#%?;]|\/[./]/
// 1: the same, but that any slash is.
const NOTABLE = new Uint8Array(256)
for (const c of [BACKSLASH, FRAGMENT_MARK, PERCENT, QUESTION, SEMICOLON, SLASH]) NOTABLE[c] = 1

// Value of a digit in upper case; 255: none.
const UPPER_HEX = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) UPPER_HEX['0123456789ABCDEF'.charCodeAt(value)] = value

// 1: the escape of this byte stays under all rules.
const STAYS_ESCAPED = new Uint8Array(256).fill(1, 1)
for (let c = 0; c < 128; c++) if (/[0-9A-Za-z._~/\\;-]/.test(String.fromCharCode(c))) STAYS_ESCAPED[c] = 0

/**
 * The path and query to decide on and to send on: `path` itself where it is normal, which costs no
 * allocation. `path` is that of a RequestHead: origin-form, `*` or empty; one character is one byte.
 *
 * Only the path is touched, the query passes byte for byte. Escapes are decoded once and only where they
 * stand for unreserved ASCII (RFC 3986 section 2.3), so `%252e`, `%0A` and bytes beyond ASCII stay. The
 * order is Envoy's: escaped slashes, then normalization, then merging; the guards look at the result.
 * What is returned is a fixed point: normalized again under the same rules it stays.
 */
export function normalizePath(path: string, rules: PathRules): string | RefusedPath | RedirectedPath {
  return isNormal(path) ? path : normalizeNotable(path, rules)
}

/** True: no rule has anything to say. False: perhaps one has. */
function isNormal(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return path === '*' || path === ''
  const first = path.search(FIRST_NOTABLE)
  if (first < 0) return true
  for (let i = first; i < path.length; i++) {
    const c = path.charCodeAt(i)
    if (NOTABLE[c] === 0) continue
    if (c === SLASH) {
      const next = path.charCodeAt(i + 1)
      if (next === SLASH || (next === DOT && mayEndSegment(path, i + 2))) return false
    } else if (c === PERCENT) {
      const high = UPPER_HEX[path.charCodeAt(i + 1)] ?? 255
      const low = UPPER_HEX[path.charCodeAt(i + 2)] ?? 255
      if (high > 15 || low > 15 || STAYS_ESCAPED[(high << 4) | low] === 0) return false
      i += 2
    } else return c === QUESTION && !path.includes('#', i)
  }
  return true
}

/** After `/.`: whether this may be a dot segment, rather than `.well-known`. */
function mayEndSegment(path: string, at: number): boolean {
  const c = path.charCodeAt(at)
  return c === DOT || NOTABLE[c] !== 0
}

function normalizeNotable(target: string, rules: PathRules): string | RefusedPath | RedirectedPath {
  const question = target.indexOf('?')
  const given = question < 0 ? target : target.slice(0, question)
  let path = given
  let redirect = false
  // HTTP/1.1 has no way to say it (RFC 9112 section 3.2), so it came by HTTP/2; in a query too it is none.
  if (rules.normalize && target.includes('#')) return FRAGMENT

  if (rules.escapedSlashes === 'reject' && /%(?:2f|5c)/i.test(path)) return ESCAPED_SLASH
  if (rules.escapedSlashes === 'unescape-forward' || rules.escapedSlashes === 'unescape-redirect') {
    path = path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\')
    redirect = rules.escapedSlashes === 'unescape-redirect' && path !== given
  }
  if (rules.normalize) {
    if (/%(?![0-9a-f]{2})/i.test(path)) return MALFORMED_ESCAPE
    // RFC 3986 section 7.3: who reads it as the end of a string reads another path.
    if (path.includes('%00')) return NUL
    path = path.replace(/%../g, normalEscape).replaceAll('\\', '/')
    if (path.charCodeAt(0) !== SLASH) return RELATIVE
    const within = removeDotSegments(path)
    if (within === undefined) return ABOVE_ROOT
    path = within
  }
  if (rules.mergeSlashes) path = path.replace(/\/{2,}/g, '/')

  if (rules.parameters === 'reject' && /;|%3b/i.test(path)) return PARAMETER
  const hidden = hiddenSegment(path, rules)
  if (hidden) return hidden
  if (path === given) return target
  const query = question < 0 ? '' : target.slice(question)
  if (!redirect) return path + query
  // RFC 3986 section 4.2: as a Location this is `//host/path`; browsers read `\` alike.
  return /^[/\\]{2}/.test(path) ? OTHER_HOST : { kind: 'redirected', path: path + query }
}

/** RFC 3986 sections 6.2.2.1 and 6.2.2.2: `%7e` is `~`, `%c3` is `%C3`. */
function normalEscape(escape: string): string {
  const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
  return /[0-9A-Za-z._~-]/.test(character) ? character : escape.toUpperCase()
}

/** RFC 3986 section 5.2.4, but undefined where `..` has nothing left to remove. `path` starts with `/`. */
function removeDotSegments(path: string): string | undefined {
  if (!path.includes('/.')) return path
  const segments = path.split('/')
  const last = segments.length - 1
  // The first is the nothing before the first slash.
  const kept = ['']
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string
    if (segment !== '.' && segment !== '..') {
      kept.push(segment)
      continue
    }
    if (segment === '..') {
      if (kept.length === 1) return undefined
      kept.pop()
    }
    // A directory ends in a slash: `/a/b/..` is `/a/`.
    if (i === last) kept.push('')
  }
  return kept.join('/')
}

/**
 * What a lenient application would lose, that splits segments at escaped slashes or cuts their parameters
 * off: servlet containers read `/a/..;x/b` as `/b`, and many frameworks decode before they split.
 */
function hiddenSegment(path: string, rules: PathRules): RefusedPath | undefined {
  const slashes = rules.escapedSlashes === 'guard' && /%(?:2f|5c)/i.test(path)
  const parameters = rules.parameters === 'guard' && /;|%3b/i.test(path)
  if (!slashes && !parameters) return undefined
  const segments = path.split('/')
  const last = segments.length - 1
  for (let i = 1; i <= last; i++) {
    const pieces = slashes ? (segments[i] as string).split(/%(?:2f|5c)/i) : [segments[i] as string]
    for (let j = 0; j < pieces.length; j++) {
      const piece = pieces[j] as string
      const name = parameters ? piece.replace(/(?:;|%3b).*$/is, '') : piece
      if (name !== piece) {
        // `/;jsessionid=1` names the directory that it stands in; `/;x/admin` is read as `/admin`.
        const ends = i === last && j === pieces.length - 1
        if (isDotSegment(name) || (name === '' && !ends)) return HIDDEN_BY_PARAMETER
      } else if (pieces.length > 1 && isDotSegment(name)) return HIDDEN_BY_SLASH
    }
  }
  return undefined
}

/** Also where nothing was decoded: the WHATWG URL Standard names the same spellings. */
function isDotSegment(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment)
}

function refused(reason: string, message: string): RefusedPath {
  return { kind: 'refused', reason, message }
}
