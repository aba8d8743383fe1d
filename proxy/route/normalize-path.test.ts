import fc from 'fast-check'
import t from 'tap'
import { PATHS_AS_THEY_COME, SAFE_PATHS, type PathRules } from '../model/path-rules.ts'
import { normalizePath } from './normalize-path.ts'

/** The path; `400 reason`; `307 path`. */
function outcome(path: string, rules: PathRules): string {
  const result = normalizePath(path, rules)
  if (typeof result === 'string') return result
  return result.kind === 'refused' ? `400 ${result.reason}` : `307 ${result.path}`
}

const cases: [title: string, rules: Partial<PathRules>, table: Record<string, string>][] = [
  [
    'what is normal stays, whatever the rules',
    {},
    {
      '/': '/',
      '*': '*',
      '': '',
      '/a/b.c/d?e=/../%2f;x//\\%': '/a/b.c/d?e=/../%2f;x//\\%',
      '/a.': '/a.',
      '/...': '/...',
      '/.well-known/x': '/.well-known/x',
      '/..a/.b/a..': '/..a/.b/a..',
      '/caf%C3%A9%20%25': '/caf%C3%A9%20%25',
      '/caf\xc3\xa9': '/caf\xc3\xa9',
    },
  ],
  [
    'escapes: upper case, unreserved characters decoded, and once only (RFC 3986 sections 6.2.2.1, 6.2.2.2)',
    {},
    {
      '/%7euser/%c3%a9': '/~user/%C3%A9',
      '/%41%5a%61%7a%30%39%2d%5f': '/AZaz09-_',
      '/%21%24%26%27%28%29%2a%2b%2c%3d%3a%40': '/%21%24%26%27%28%29%2A%2B%2C%3D%3A%40',
      '/%252e%252e/a': '/%252e%252e/a',
      '/%01%0a%0d%7f%ff': '/%01%0A%0D%7F%FF',
      '/a%00.png': '400 path_with_nul',
      '/%2500': '/%2500',
      '/%3f%23': '/%3F%23',
      '/a%': '400 path_malformed_escape',
      '/a%4': '400 path_malformed_escape',
      '/%%34%31': '400 path_malformed_escape',
      '/%u0041': '400 path_malformed_escape',
      '/%c%33': '400 path_malformed_escape',
    },
  ],
  [
    'dot segments (RFC 3986 section 5.2.4), and nothing above the root',
    {},
    {
      '/a/b/c/./../../g': '/a/g',
      '/a/.': '/a/',
      '/a/./': '/a/',
      '/a/b/..': '/a/',
      '/a/..': '/',
      '/./a': '/a',
      '/a/%2e%2E/b': '/b',
      '/a/.%2e/b': '/b',
      '/a/\\..\\../b': '/b',
      '\\a': '/a',
      a: '400 path_relative',
      '/..': '400 path_above_root',
      '/../a': '400 path_above_root',
      '/a/../../a': '400 path_above_root',
      '/a/../..?b': '400 path_above_root',
      '/%2e%2e': '400 path_above_root',
      '/a/..?b/../c': '/?b/../c',
    },
  ],
  [
    'slashes are merged after dot segments are removed, as in Envoy: an empty segment is one',
    {},
    {
      '//': '/',
      '///a//b///': '/a/b/',
      '/a//../b': '/a/b',
      '/a/..//b': '/b',
      '//..': '/',
      '/\\a': '/a',
      '//a?b//c': '/a?b//c',
    },
  ],
  [
    'slashes may stay',
    { mergeSlashes: false },
    { '//a//b': '//a//b', '/a/..//b': '//b', '/a//../b': '/a/b' },
  ],
  [
    'slashes may be all that is touched',
    { normalize: false },
    { '//a/..//%7e\\%?//': '/a/../%7e\\%?//', '/a#b': '/a#b' },
  ],
  [
    'a fragment is none of HTTP',
    {},
    {
      '/a#b': '400 path_with_fragment',
      '/a?b#c': '400 path_with_fragment',
      '/#/..': '400 path_with_fragment',
    },
  ],
  [
    'guard: escaped slashes stay, unless they hide a dot segment',
    {},
    {
      '/@scope%2fname': '/@scope%2Fname',
      '/a%5cb': '/a%5Cb',
      '/img/https:%2F%2Fh%2Fa.png': '/img/https:%2F%2Fh%2Fa.png',
      '/folder%2F': '/folder%2F',
      '/a%2F..b': '/a%2F..b',
      '/..%2fadmin': '400 path_hides_dot_segment',
      '/a/%2e%2e%5cadmin': '400 path_hides_dot_segment',
      '/a%2F..': '400 path_hides_dot_segment',
      '/a%2F../b': '400 path_hides_dot_segment',
      '/a%2F.%2Fb': '400 path_hides_dot_segment',
      '/a/..%2f..%2f/b': '400 path_hides_dot_segment',
      '/a%252F..': '/a%252F..',
    },
  ],
  [
    'guard: parameters stay, unless they hide a dot segment or a segment',
    {},
    {
      '/a;v=1/b': '/a;v=1/b',
      '/a%3bv=1': '/a%3Bv=1',
      '/;jsessionid=1': '/;jsessionid=1',
      '/a/;x?y': '/a/;x?y',
      '/a;../b': '/a;../b',
      '/a/..;/b': '400 path_hides_segment',
      '/.;x/': '400 path_hides_segment',
      '/a/..%3bx': '400 path_hides_segment',
      '/%2e%2e;x': '400 path_hides_segment',
      '/;x/admin': '400 path_hides_segment',
      '/a%2F..;x/b': '400 path_hides_segment',
      '/a%2F;x%2Fb': '400 path_hides_segment',
    },
  ],
  [
    'guards without normalization see through escaped dots',
    { normalize: false },
    {
      '/a/../b%2fc;d': '/a/../b%2fc;d',
      '/%2e%2E%2fa': '400 path_hides_dot_segment',
      '/.%2e;/a': '400 path_hides_segment',
    },
  ],
  [
    'escaped slashes may be kept',
    { escapedSlashes: 'keep' },
    { '/..%2fadmin': '/..%2Fadmin', '/a%5c%2e': '/a%5C.' },
  ],
  [
    'escaped slashes may be rejected',
    { escapedSlashes: 'reject' },
    { '/a%2fb': '400 path_with_escaped_slash', '/a%5Cb': '400 path_with_escaped_slash', '/a?%2f': '/a?%2f' },
  ],
  [
    'escaped slashes may be unescaped, and are slashes then',
    { escapedSlashes: 'unescape-forward' },
    {
      '/a%2f%2F%5c%5Cb?%2f': '/a/b?%2f',
      '/a%2f..%2fb': '/b',
      '/..%2fb': '400 path_above_root',
      '/a%252fb': '/a%252fb',
    },
  ],
  [
    'unescaped without normalization, a backslash is one',
    { ...PATHS_AS_THEY_COME, escapedSlashes: 'unescape-forward' },
    { '/a%2f..%5cb': '/a/..\\b', '/%2%2F%%2ff': '/%2/%/f' },
  ],
  [
    'unescaped slashes may be redirected to, whole and normal; other paths are not',
    { escapedSlashes: 'unescape-redirect' },
    {
      '/a%2f..%2f%7e?b=%2f': '307 /~?b=%2f',
      '/a/../%7e': '/~',
      '/%2f%2fevil.example': '307 /evil.example',
      '/..%2f': '400 path_above_root',
    },
  ],
  [
    'no redirect leaves the host (RFC 3986 section 4.2)',
    { ...PATHS_AS_THEY_COME, escapedSlashes: 'unescape-redirect' },
    {
      '/%2fevil.example': '400 path_names_host',
      '/%5Cevil.example': '400 path_names_host',
      '//evil.example': '//evil.example',
      '/a%2F': '307 /a/',
    },
  ],
  ['parameters may be kept', { parameters: 'keep' }, { '/a/..;/b': '/a/..;/b', '/a%3bb': '/a%3Bb' }],
  [
    'parameters may be rejected, escaped ones too',
    { parameters: 'reject' },
    { '/a;b': '400 path_with_parameter', '/a%3bb': '400 path_with_parameter', '/a?;': '/a?;' },
  ],
  [
    'paths may pass as they come',
    PATHS_AS_THEY_COME,
    Object.fromEntries(
      ['/../a', '//a\\%2f;', '/..;/%', '/%00', '/%7e#a?#', '\\', 'a'].map((path) => [path, path] as const),
    ),
  ],
]

for (const [title, rules, table] of cases) {
  t.test(title, async (t) => {
    for (const [path, expected] of Object.entries(table))
      t.equal(outcome(path, { ...SAFE_PATHS, ...rules }), expected, JSON.stringify(path))
  })
}

t.test('a normal path under all rules is one without a word to say', async (t) => {
  for (const path of Object.keys(cases[0]![2]))
    t.ok(
      ALL_RULES.every((rules) => normalizePath(path, rules) === path),
      JSON.stringify(path),
    )
})

const ALL_RULES: PathRules[] = [true, false].flatMap((normalize) =>
  [true, false].flatMap((mergeSlashes) =>
    (['keep', 'guard', 'reject', 'unescape-forward', 'unescape-redirect'] as const).flatMap(
      (escapedSlashes) =>
        (['keep', 'guard', 'reject'] as const).map((parameters) => ({
          normalize,
          mergeSlashes,
          escapedSlashes,
          parameters,
        })),
    ),
  ),
)

// What any trick is made of. `?` rarely: what follows it is no path.
const nasty = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('/', '.', '..', '/..', '/.', 'a', 'b') },
      {
        weight: 8,
        arbitrary: fc.constantFrom('%2f', '%2F', '%5c', '%5C', '%2e', '%2E', ';', '%3b', '%3B', '\\'),
      },
      {
        weight: 6,
        arbitrary: fc.constantFrom('%', '%2', '%25', '%00', '%41', '%c3%a9', '%C3', '~', '%7e', '2', 'E'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('#', '?', '\xe9', '"', '<', '{', '|', '^', '`', ':', '@', '='),
      },
    ),
    { maxLength: 12 },
  )
  .map((parts) => `/${parts.join('')}`)
const anyRules = fc.constantFrom(...ALL_RULES)

t.test('agrees with what the RFC says in its own words, and is a fixed point', async () => {
  fc.assert(
    fc.property(nasty, anyRules, (path, rules) => {
      const expected = byTheBook(path, rules)
      const result = outcome(path, rules)
      const given = expected === '400' ? result.slice(0, 3) : result
      if (given !== expected) throw new Error(`${given} instead of ${expected} for ${path}`)
      const normal = result.replace(/^307 /, '')
      if (normal.startsWith('/') && outcome(normal, rules) !== normal)
        throw new Error(`${normal} becomes ${outcome(normal, rules)}`)
    }),
    { numRuns: 100_000 },
  )
})

t.test('what passes under the default is the directory that an application sees', async (t) => {
  let passed = 0
  fc.assert(
    fc.property(nasty, (path) => {
      const result = outcome(path, SAFE_PATHS)
      if (!result.startsWith('/')) return
      passed++
      const normal = result.replace(/\?.*/s, '')
      if (/\/\/|\\|#|%(?![0-9A-F]{2})|(^|\/)\.{1,2}(\/|$)/.test(normal)) throw new Error(normal)
      for (const read of LENIENT_READERS)
        if (/\/\.{1,2}(\/|$)/.test(read(normal))) throw new Error(`${normal} is read as ${read(normal)}`)
      if (withoutParameters(normal).includes('//')) throw new Error(`${normal} loses a segment`)
      const { pathname } = new URL(`http://h${result}`)
      if (pathname !== escapedByUrl(normal)) throw new Error(`${normal} is ${pathname} to WHATWG URL`)
    }),
    { numRuns: 100_000 },
  )
  t.ok(passed > 10_000, `${passed} paths passed`)
})

const withSlashes = (path: string): string => path.replace(/%2f|%5c/gi, '/')
const withoutParameters = (path: string): string => path.replace(/(;|%3b)[^/]*/gi, '')

/** Applications that read out of escaped slashes and parameters what RFC 3986 leaves to them. */
const LENIENT_READERS = [
  withSlashes,
  withoutParameters,
  (path: string) => withSlashes(withoutParameters(path)),
  (path: string) => withoutParameters(withSlashes(path)),
]

/** The path percent-encode set of the WHATWG URL Standard, section 1.3. */
function escapedByUrl(path: string): string {
  return path.replace(/[^\x21-\x7e]|["<>^`{}]/g, (character) => encodeURIComponent(character))
}

/** The rules once more, step by step and slowly: the path, `400` or `307 path`. */
function byTheBook(target: string, rules: PathRules): string {
  const [path = '', ...rest] = target.split('?')
  const query = rest.length > 0 ? `?${rest.join('?')}` : ''
  let text = path
  if (rules.normalize && target.includes('#')) return '400'
  const escaped = ['%2f', '%2F', '%5c', '%5C'].some((escape) => path.includes(escape))
  if (rules.escapedSlashes === 'reject' && escaped) return '400'
  const unescape = rules.escapedSlashes.startsWith('unescape')
  if (unescape)
    for (const [escape, character] of Object.entries({ '%2f': '/', '%2F': '/', '%5c': '\\', '%5C': '\\' }))
      text = text.split(escape).join(character)
  if (rules.normalize) {
    const decoded = decodeUnreserved(text)
    if (decoded?.includes('%00')) return '400'
    const removed = decoded === undefined ? undefined : removeDots(decoded.split('\\').join('/'))
    if (removed === undefined) return '400'
    text = removed
  }
  if (rules.mergeSlashes) while (text.includes('//')) text = text.split('//').join('/')
  if (rules.parameters === 'reject' && [';', '%3b', '%3B'].some((mark) => text.includes(mark))) return '400'
  const read = (reading: string): string =>
    rules.escapedSlashes === 'guard' ? reading.replace(/%2f|%5c/gi, '/') : reading
  const reading = read(text).split('/')
  const cut = reading.map((segment) =>
    rules.parameters === 'guard' ? (segment.split(/;|%3b/i)[0] as string) : segment,
  )
  const dotted = (segments: string[]): number =>
    segments.filter((segment) => ['.', '..'].includes(segment.replace(/%2e/gi, '.'))).length
  if (dotted(cut) > dotted(text.split('/'))) return '400'
  if (cut.some((segment, i) => segment === '' && reading[i] !== '' && i < cut.length - 1)) return '400'
  if (!unescape || !escaped || rules.escapedSlashes === 'unescape-forward') return text + query
  return /^(\/|\\){2}/.test(text) ? '400' : `307 ${text}${query}`
}

/** RFC 3986 sections 2.1, 2.3, 6.2.2.1 and 6.2.2.2, a character at a time; undefined: section 2.1 is broken. */
function decodeUnreserved(text: string): string | undefined {
  let output = ''
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '%') output += text[i]
    else {
      const digits = text.slice(i + 1, i + 3).toUpperCase()
      if (digits.length < 2 || !/^[0-9A-F]+$/.test(digits)) return undefined
      const byte = Buffer.from(digits, 'hex')[0] as number
      const letter = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
      const unreserved = letter || (byte >= 0x30 && byte <= 0x39) || [0x2d, 0x2e, 0x5f, 0x7e].includes(byte)
      output += unreserved ? String.fromCharCode(byte) : `%${digits}`
      i += 2
    }
  }
  return output
}

/** RFC 3986 section 5.2.4, its input and output buffers and its steps 2B to 2E; undefined where 2C finds nothing to remove. */
function removeDots(path: string): string | undefined {
  let input = path
  let output = ''
  while (input !== '') {
    if (input.startsWith('/./')) input = input.slice(2)
    else if (input === '/.') input = '/'
    else if (input.startsWith('/../') || input === '/..') {
      if (output === '') return undefined
      input = input === '/..' ? '/' : input.slice(3)
      output = output.slice(0, output.lastIndexOf('/'))
    } else {
      const next = input.indexOf('/', 1)
      const segment = next < 0 ? input : input.slice(0, next)
      output += segment
      input = input.slice(segment.length)
    }
  }
  return output
}
