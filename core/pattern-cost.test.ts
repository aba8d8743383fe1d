import t from 'tap'
import { PatternBudget } from './pattern-budget.ts'
import { patternCost } from './pattern-cost.ts'

t.test(
  'what compiling costs: instructions, tables of Unicode, ranges whose other cases are looked for',
  async (t) => {
    for (const [source, cost] of [
      ['', 0],
      ['/api/v[0-9]+', 9],
      ['a{500}', 500],
      ['a{2,5}', 5],
      ['a{7,}', 7],
      ['a{0}', 1],
      ['a{,3}', 5],
      ['(?:ab){3}c', 7],
      ['(ab){3}', 12],
      ['((a{10}){10}){10}', 1220],
      ['(?i)(?P<n>a)(?<m>b)(?s:c)', 7],
      ['\\{9}{2}', 4],
      ['\\x{41}{5}', 5],
      ['\\Qa{9}\\E{2}', 5],
      ['\\Qab', 2],
      ['[]a]{3}', 4],
      ['[^]]{2}', 3],
      ['[[:alpha:]\\]x]{3}', 5],
      ['[{9}]', 2],
      ['\\pL', 52],
      ['\\P{Greek}{3}', 53],
      ['[\\pL\\pN]', 102],
      ['(?i)[a-z]', 2],
      ['(?i)[\\x{100}-\\x{FFFF}]', 439],
      ['(?i)[^\\x{100}-\\x{FFFF}]', 439],
      ['[\\x{100}-\\x{FFFF}]', 4],
      ['(?i)[\\x{0}-\\x{10FFFF}]', 4],
      // No expressions; the library says so.
      ['(((', 6],
      [')))', 0],
      ['{3}', 0],
      ['[a', 2],
      ['\\', 1],
      ['\\p{', 51],
    ] as const)
      t.equal(patternCost(source), cost, source)
  },
)

t.test('looking takes time linear in what is looked at', async (t) => {
  for (const piece of ['(', ')', '[', '[[:', '{1', '\\Q', '\\p{', '(?P<a', 'a-', '(?i'])
    t.ok(patternCost(piece.repeat(200_000)) >= 0, piece)
})

t.test('each pattern counts once, and what is too much counts not at all', async (t) => {
  const budget = new PatternBudget(10)
  t.equal(budget.add(['aaa', 'aaa', 'bbb']), undefined)
  t.match(budget.add(['ccc', 'ddd']), /may cost 10 to compile/)
  t.equal(budget.add(['aaa', 'eeee']), undefined)
  t.match(budget.add(['f']), /too many patterns/)
})
