import t from 'tap'
import { formatMended, formatProblem, together, type Problem } from './problem.ts'

const PROBLEM: Problem = {
  code: 'WEFT0002',
  file: '/m/shop.yaml',
  line: 14,
  column: 5,
  kind: 'HTTPRoute',
  namespace: 'shop',
  name: 'catalog',
  field: 'spec.rules[0].name',
  severity: 'error',
  message: 'must be a string, got 1',
  remedy: 'write "1", in quotes',
}

t.test('a line has what is known', async (t) => {
  t.equal(
    formatProblem(PROBLEM, (file) => file.slice(3)),
    'shop.yaml:14:5: error: HTTPRoute shop/catalog: spec.rules[0].name: must be a string, got 1; write "1", in quotes',
  )
  t.equal(
    formatMended(PROBLEM),
    'mended: /m/shop.yaml:14:5: HTTPRoute shop/catalog: spec.rules[0].name: must be a string, got 1',
  )
  const bare = { file: null, line: null, column: null, kind: '', namespace: '', name: '', field: '' }
  t.equal(
    formatProblem({ ...PROBLEM, ...bare, severity: 'warning' }),
    'warning: must be a string, got 1; write "1", in quotes',
  )
})

t.test('what several found is told once, errors first', async (t) => {
  const late = { ...PROBLEM, file: null, line: null, message: 'is no name' }
  t.strictSame(together([PROBLEM], [late]), [PROBLEM], 'of one field the first is heard')
  const effect = 'Requests get 500.'
  t.strictSame(
    together([PROBLEM], [{ ...late, effect }]),
    [{ ...PROBLEM, effect }],
    'with what a later one knows',
  )
  const both = [PROBLEM, { ...PROBLEM, message: 'and is too long' }]
  t.equal(together(both).length, 2, 'one finder may say two things of it')
  const whole = { ...PROBLEM, field: '' }
  t.equal(together([whole], [{ ...whole, message: 'another' }]).length, 2, 'of a whole object all are heard')
  const warning: Problem = { ...PROBLEM, file: '/m/a.yaml', field: 'spec', severity: 'warning' }
  t.strictSame(together([warning], [PROBLEM]), [PROBLEM, warning])
  const unnamed = { ...PROBLEM, kind: '', namespace: '', name: '' }
  t.equal(together([unnamed, { ...unnamed, line: 15 }]).length, 2, 'without an object the line tells')
})
