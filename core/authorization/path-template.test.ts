import t from 'tap'
import { PathTemplate } from './path-template.ts'

/** The same as a regular expression, of a template of letters and operators. */
function expressionOf(template: string): RegExp {
  return new RegExp(`^${template.replaceAll(/\{\*\*?\}/g, (one) => (one === '{*}' ? '[^/]+' : '.*'))}$`, 's')
}

// template, path, whether it matches
const CASES: readonly (readonly [string, string, boolean])[] = [
  ['/users/{*}', '/users/7', true],
  ['/users/{*}', '/users/7/cards', false],
  ['/users/{*}', '/users/', false],
  ['/users/{*}', '/users', false],
  ['/users/*/cards', '/users/7/cards', true],
  ['/users/{*}/cards/{**}', '/users/7/cards/', true],
  ['/users/{*}/cards/{**}', '/users/7/cards/a/b', true],
  ['/users/{*}/cards/{**}', '/users/7/cards', false],
  ['/{**}', '/', true],
  ['/{**}', '/a//b', true],
  ['/{**}/admin', '/x/y/admin', true],
  ['/{**}/admin', '/admin', false],
  ['/v1.0/{*}', '/v1x0/a', false],
  ['/a+b/{*}', '/a+b/c', true],
  ['/users/{*}', '/USERS/7', false],
  ['/files/{*}', '/files/a%2Fb', true],
  ['/{*}', '/a\nb', true],
]

t.test('which paths a template matches', async (t) => {
  for (const [template, path, matches] of CASES)
    t.equal(new PathTemplate(template).matches(path), matches, `${path} of ${template}`)
})

t.test('what is no template is said', async (t) => {
  for (const wrong of [
    '',
    'a/{*}',
    '/{**}/{*}',
    '/{**}/{**}',
    '/a{*}',
    '/{*}b',
    '/{*',
    '/*}',
    '/{id}',
    '/a b',
  ])
    t.throws(() => new PathTemplate(wrong), { code: 'path_template.invalid' }, wrong)
})

t.test('all short templates match what their regular expressions do', async (t) => {
  const lists = (of: readonly string[], most: number): string[] =>
    most === 0 ? [''] : ['', ...of].flatMap((one) => lists(of, most - 1).map((rest) => one + rest))
  const paths = new Set(lists(['/', 'a', 'bc'], 6))
  const templates = new Set(lists(['/', '/a', '/bc', '/{*}', '/{**}'], 4))
  for (const template of templates) {
    const more = template.indexOf('{**}')
    if (!template.startsWith('/') || (more >= 0 && template.includes('{', more + 1))) continue
    const expression = expressionOf(template)
    const ours = new PathTemplate(template)
    const differ = [...paths].filter((path) => ours.matches(path) !== expression.test(path))
    if (differ.length > 0) t.same(differ, [], template)
  }
  t.ok(templates.size > 300 && paths.size > 300, `${templates.size} templates, ${paths.size} paths`)
})
