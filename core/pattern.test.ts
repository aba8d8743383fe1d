import t from 'tap'
import { parseReplacement, Pattern, patternOf, patternStateBytes } from './pattern.ts'

t.test('a pattern matches all of the text, with the syntax of RE2', async (t) => {
  const cases: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
    ['/a/[^/]+', ['/a/b'], ['/a/', '/a/b/c', 'x/a/b']],
    // The longer one of two that begin alike, and no way out of the whole.
    ['a|ab', ['a', 'ab'], ['abc']],
    ['[[:alpha:]]+', ['Abc'], ['a1', ':', 'alph[', '']],
    ['[[:^digit:]]', ['a'], ['1']],
    [String.raw`\Aa\z`, ['a'], ['az', 'Aaz']],
    [String.raw`\x{41}\x42`, ['AB'], ['x{41}B', 'x'.repeat(41)]],
    [String.raw`\Qa.b\E`, ['a.b'], ['axb', 'Qa.bE']],
    [String.raw`\pL+\p{Greek}`, ['abγ'], ['pLp{Greek}']],
    ['(?i)get', ['GET', 'get'], ['gets']],
    ['(?i:g)et', ['Get'], ['GET']],
    ['(?s)a.b', ['a\nb'], []],
    ['a.b', ['axb'], ['a\nb']],
    ['(?P<name>a)(?<other>b)', ['ab'], []],
    [String.raw`\a\f\v`, ['\x07\f\v'], ['afv']],
    ['a{,3}', ['a{,3}'], ['aaa']],
    ['', [''], ['a']],
  ]
  for (const [source, yes, no] of cases) {
    const pattern = new Pattern(source)
    for (const text of yes) t.ok(pattern.matches(text), `${source} matches ${JSON.stringify(text)}`)
    for (const text of no) t.notOk(pattern.matches(text), `${source} does not match ${JSON.stringify(text)}`)
  }
})

t.test('what RE2 does not know is refused by its name', async (t) => {
  const cases: Readonly<Record<string, RegExp>> = {
    'a(?=b)': /lookahead is not supported: \(\?=/,
    'a(?!b)': /lookahead is not supported: \(\?!/,
    '(?<=a)b': /lookbehind is not supported: \(\?<=/,
    '(?<!a)b': /lookbehind is not supported: \(\?<!/,
    '(a)\\1': /a back-reference is not supported: \\1/,
    '(?<a>b)\\k<a>': /a back-reference is not supported: \\k/,
    '(?P<a>b)(?P=a)': /a back-reference \(\?P=\.\.\.\) is not supported: \(\?P/,
    '(?>a)': /an atomic group is not supported/,
    'a++': /a possessive quantifier is not supported: \+\+/,
    'a{2}+': /a possessive quantifier is not supported: \{2\}\+/,
    '\\Z': /invalid escape sequence: \\Z/,
    '\\C': /invalid escape sequence: \\C/,
    '\\u0041': /invalid escape sequence: \\u/,
    '\\cA': /invalid escape sequence: \\c/,
    '[[:nope:]]': /invalid character class range: \[:nope:\]/,
    // Not taken for parts of a group around them.
    'a)|(?:b': /unexpected \)/,
    '(': /missing closing \)/,
    '[': /missing closing \]/,
    'a{1001}': /invalid repeat count: \{1001\}/,
    '(a{100}){100}': /too large: to compile it costs 10200, 2000 are allowed/,
    '(?:a{10}){101}': /invalid repeat count/,
    '(?:[a-z]{300}x){2}': /too large: it compiles to \d+ instructions, 500 are allowed/,
  }
  for (const [source, message] of Object.entries(cases))
    t.throws(() => new Pattern(source), { code: 'pattern.invalid', message }, source)
})

t.test('the steps grow with the text and not with the ways to read it', async (t) => {
  // Of a backtracking engine each of these takes longer than the sun will shine.
  const text = 'a'.repeat(5000)
  for (const source of ['(a+)+', '(a|a)*', '(a*)*', '(a|aa)+', '(.*a){20}', '(?:a?){150}a{150}'])
    t.notOk(new Pattern(source).matches(`${text}!`), source)
  const pattern = new Pattern('(a+)+$')
  t.equal(pattern.replaceAll(`${text}!`, ['x']), `${text}!`)
})

t.test('what would take long to compile, or much to keep, is refused before that', async (t) => {
  // Of each the library takes between 30 ms and 4 s to say that it is too large, or takes it.
  for (const source of [
    '(?i)[A-\\x{FFFF}]'.repeat(80),
    '(?i)' + String.raw`[\x{100}-\x{FFFE}]`.repeat(50),
    String.raw`\pL`.repeat(341),
    `[${String.raw`\pL\PN`.repeat(100)}]`,
    'x{1000}'.repeat(140),
    '(((x{10}){10}){10})'.repeat(16),
    'a'.repeat(100 << 10),
    'a|b'.repeat(34_000),
    `[${'a-z'.repeat(34_000)}]`,
    String.raw`\Q${'('.repeat(100 << 10)}`,
    '(?i)' + String.raw`\pL`.repeat(34_000),
  ])
    t.throws(
      () => new Pattern(source),
      { code: 'pattern.invalid', message: /too large: to compile it costs/ },
      source.slice(0, 40),
    )
  for (const source of [
    '(?:a|b)*a(?:a|b){490}',
    String.raw`\pL{400}`,
    String.raw`(?i)[\x{0}-\x{10FFFF}]*`,
    '(?i)[à-ÿ]+',
  ])
    t.doesNotThrow(() => new Pattern(source), source)
})

t.test('the states of a thousand patterns take no more than those of a few', async (t) => {
  let text = ''
  for (let i = 0, seed = 1; i < 4096; i++) {
    seed = (seed * 48271) % 2147483647
    text += seed & 1 ? 'a' : 'b'
  }
  const kept: Pattern[] = []
  let most = 0
  let cleared = 0
  for (let i = 0; i < 24; i++) {
    const before = patternStateBytes()
    const pattern = new Pattern(`(?:a|b)*a(?:a|b){14}${i}`)
    kept.push(pattern)
    t.notOk(pattern.matches(text))
    most = Math.max(most, patternStateBytes())
    if (patternStateBytes() < before) cleared++
  }
  t.ok(most > 1 << 20, `they take ${most} bytes`)
  t.ok(most <= 16 << 20, `they take ${most} bytes`)
  t.ok(cleared > 0)
  t.ok(kept[0]?.matches(`a${'b'.repeat(14)}0`), 'what was let go comes back')
})

t.test('a text is compiled once while somebody has its pattern', async (t) => {
  t.equal(patternOf('/a+'), patternOf('/a+'))
  t.not(patternOf('/a+'), patternOf('/b+'))
  t.throws(() => patternOf('('), { code: 'pattern.invalid' })
})

t.test('a replacement has the groups of the match', async (t) => {
  const replaced = (source: string, text: string, replacement: string): string => {
    const pattern = new Pattern(source)
    return pattern.replaceAll(text, parseReplacement(replacement, pattern))
  }
  t.equal(replaced('^/v(\\d)/(.*)$', '/v1/a', '/\\2/of/\\1'), '/a/of/1')
  t.equal(replaced('b+', '/abba', '<\\0>'), '/a<bb>a', 'the whole match is \\0')
  t.equal(replaced('(a)', 'a', '\\10'), 'a0', 'one digit')
  t.equal(replaced('(a)|(b)', 'ab', '[\\1\\2]'), '[a][b]', 'a group that took no part is empty')
  t.equal(replaced('a', 'a', "$&$1$$$`$'"), "$&$1$$$`$'", 'nothing else means anything')
  t.equal(replaced('a', 'a', '\\\\0'), '\\0')
  t.equal(replaced('x*', 'axb', '-'), '-a-b-', 'as RE2 replaces what is empty')
  t.equal(replaced('(?P<n>a)', 'a', '\\1\\1'), 'aa', 'with a name, too')
  t.equal(replaced('a', 'aa', ''), '')
})

t.test('a replacement that asks for what is not there is refused', async (t) => {
  const pattern = new Pattern('(a)')
  t.throws(() => parseReplacement('\\2', pattern), { message: 'names group 2 of a pattern that has 1' })
  t.throws(() => parseReplacement('\\n', pattern), { message: /a digit or a \\ behind each \\, not "n"/ })
  t.throws(() => parseReplacement('a\\', pattern), { code: 'pattern.invalid' })
})

t.test('a pattern is told as its text', async (t) => {
  t.equal(JSON.stringify({ a: new Pattern('a+') }), '{"a":"a+"}')
  t.equal(String(new Pattern('a+')), 'a+')
})
