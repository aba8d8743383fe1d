import t from 'tap'
import { escapePattern, patternProblem } from './pattern.ts'
import { Pattern } from '../../core/pattern.ts'

t.test('a route is told why its pattern cannot be carried out', async (t) => {
  t.equal(patternProblem('/v[0-9]+/[[:alpha:]]+'), undefined)
  t.equal(patternProblem('(?i)get'), undefined)
  t.equal(patternProblem('(a+)+'), undefined, 'costs no more than another')
  t.match(patternProblem('/a(?!b)'), /lookahead is not supported: \(\?!/)
  t.match(patternProblem('(a)\\1'), /a back-reference is not supported/)
  t.match(patternProblem('a)|(?:b'), /unexpected \)/)
})

t.test('text as a pattern matches itself alone', async (t) => {
  const text = '/a.b+c(d)[e]{2}|^$*?\\z'
  t.ok(new Pattern(escapePattern(text)).matches(text))
  t.notOk(new Pattern(escapePattern('a.b')).matches('axb'))
})
