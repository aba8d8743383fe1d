import t from 'tap'
import { readDocuments } from './documents.ts'
import { MOST_DEPTH, outOfBounds } from './yaml-bounds.ts'

const deep = (levels: number): readonly (readonly [string, string])[] => [
  ['flow sequences', `a: ${'['.repeat(levels)}1${']'.repeat(levels)}`],
  ['flow maps', `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`],
  ['sequences of one line', `${'- '.repeat(levels)}1`],
  ['maps of many lines', Array.from({ length: levels }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
  ['JSON', `${'['.repeat(levels)}${']'.repeat(levels)}`],
]

t.test('what is nested too deep is told, and no stack runs out', async (t) => {
  for (const [what, text] of [...deep(150), ...deep(2000)]) {
    const { documents, errors } = readDocuments(text)
    t.same(documents, [], what)
    t.match(errors, [{ message: `is nested more than ${MOST_DEPTH} levels deep`, remedy: /./ }], what)
  }
  t.match(outOfBounds('['.repeat(1_000_000)), /nested/)
  t.match(outOfBounds('- '.repeat(1_000_000)), /nested/)
  for (const [what, text] of deep(90)) t.equal(outOfBounds(text), undefined, what)
})

t.test('files have so many bytes, documents and values', async (t) => {
  const rule = '    - from: [{ source: { serviceAccounts: [shop/web] } }]\n'
  const policy = (rules: number) => `kind: AuthorizationPolicy\nspec:\n  rules:\n${rule.repeat(rules)}`
  t.equal(outOfBounds(policy(5000)), undefined)
  t.match(outOfBounds(policy(100_000)), /^has more than 100000 values in one document$/)
  t.match(outOfBounds('a: 1\n---\n'.repeat(10_001)), /^has more than 10000 documents$/)
  t.equal(outOfBounds('a: 1\n---\n'.repeat(9000)), undefined)
  t.match(outOfBounds('x'.repeat(32 * 1024 * 1024 + 1)), /^has more than 32 MiB$/)
  t.match(outOfBounds(`[${'1,'.repeat(90_000)}1]\n---\n`.repeat(12)), /^has more than 1000000 values$/)
  t.match(readDocuments(policy(100_000)).errors, [
    { message: /values in one document/, remedy: /several files/ },
  ])
  const text = 'a: |\n  - - - x\n   [[[\nb: >-\n  {{{\nc: "[ [ ["\n# [[[[\n'
  t.equal(outOfBounds(text), undefined, 'brackets in texts are none')
})

t.test('aliases of aliases are told with their bound', async (t) => {
  const more = Array.from(
    { length: 9 },
    (_, at) => `a${at + 1}: &a${at + 1} [${Array(10).fill(`*a${at}`).join(',')}]\n`,
  )
  const { documents, errors } = readDocuments(`a0: &a0 [x]\n${more.join('')}`)
  t.same(documents, [])
  t.match(errors, [{ message: 'expands aliases more than 200 times', remedy: /aliases/ }])
})
