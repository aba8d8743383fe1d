import t from 'tap'
import { PathTemplate } from './path-template.ts'

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
