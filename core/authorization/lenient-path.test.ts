import t from 'tap'
import { lenientPath, pathTest, templateTest } from './lenient-path.ts'

t.test('what the most lenient application reads', async (t) => {
  for (const [path, read] of [
    ['/admin', '/admin'],
    ['/admin%2Fusers', '/admin/users'],
    ['/admin%5Cusers', '/admin/users'],
    ['/x%2F%2Fadmin', '/x/admin'],
    ['/admin;x=y', '/admin'],
    ['/admin;x/users;y', '/admin/users'],
    ['/admin%3Bx', '/admin'],
    ['/ADMIN', '/admin'],
    ['/caf%C3%A9', '/caf%c3%a9'],
    ['/a\xc3\x89', '/a\xc3\x89'],
  ] as const)
    t.equal(lenientPath(path), read, path)
})

t.test('a path that is only what was asked for to some is nothing that can be told', async (t) => {
  const exact = pathTest({ type: 'exact', value: '/admin', ignoreCase: false })
  const prefix = pathTest({ type: 'prefix', value: '/Admin/', ignoreCase: false })
  const suffix = pathTest({ type: 'suffix', value: '.png', ignoreCase: false })
  const parameter = pathTest({ type: 'suffix', value: ';v=1', ignoreCase: false })
  const regex = pathTest({ type: 'regex', value: '/a[db]min', ignoreCase: false })
  const template = templateTest('/users/{*}')
  for (const [test, path, matches] of [
    [exact, '/admin', true],
    [exact, '/admin;x', undefined],
    [exact, '/ADMIN', undefined],
    [exact, '/admins', false],
    [exact, '/Admins', false],
    [exact, '/admin\xff', undefined],
    [prefix, '/Admin/x', true],
    [prefix, '/Admin/x;y', true],
    [prefix, '/admin%2Fx', undefined],
    [prefix, '/admin/x', undefined],
    [prefix, '/x%2Fy', false],
    [suffix, '/a.png', true],
    [suffix, '/a;v=1.png', undefined],
    [suffix, '/a%2Fb.png', true],
    [suffix, '/a.PNG', undefined],
    [parameter, '/a;v=1', true],
    [regex, '/admin', true],
    [regex, '/ABMIN', undefined],
    [regex, '/acmin', false],
    [template, '/users/a%2Fb', true],
    [template, '/users/a;b', true],
    [template, '/users%2Fa', undefined],
    [template, '/Users/a', undefined],
    [template, '/users/a/b', false],
  ] as const)
    t.equal(test(path), matches, path)
})
