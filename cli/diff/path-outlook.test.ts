import t from 'tap'
import fc from 'fast-check'
import { leafTest } from '../../core/authorization/leaf.ts'
import type { TextMatch } from '../../core/authorization/rules.ts'
import { outlook } from './path-outlook.ts'

function path(type: TextMatch['type'], value: string, ignoreCase = false) {
  return { kind: 'path' as const, match: { type, value, ignoreCase } }
}

function template(text: string) {
  return { kind: 'path-template' as const, template: text }
}

t.test('what a leaf says of all paths of a template', async (t) => {
  const table: readonly [Parameters<typeof outlook>[0], string, boolean | undefined][] = [
    [path('exact', '/items/17'), '/items/{*}', undefined],
    [path('exact', '/items'), '/items/{*}', false],
    [path('exact', '/users/17'), '/items/{*}', false],
    [path('prefix', '/items/'), '/items/{*}', true],
    [path('prefix', '/items/1'), '/items/{*}', undefined],
    [path('prefix', '/users'), '/items/{*}', false],
    [path('suffix', '/price'), '/items/{*}/price', true],
    [path('suffix', '9/price'), '/items/{*}/price', undefined],
    [path('suffix', '.png'), '/items/{*}/price', false],
    [path('suffix', '.png'), '/items/{*}', undefined],
    [path('contains', 'ite'), '/items/{*}', true],
    [path('contains', 'x'), '/items/{*}', undefined],
    [path('regex', '/items/.*'), '/items/{*}', undefined],
    [path('prefix', '/items/', true), '/items/{*}', undefined],
    [template('/items/{*}'), '/items/{*}', true],
    [template('/items/{**}'), '/items/{*}/price', true],
    [template('/{*}/17'), '/items/{*}', undefined],
    [template('/items/{*}'), '/items/{*}/price', false],
    [template('/items/*'), '/items/{*}', true],
    [template('/items/{*}'), '/items/{**}', undefined],
  ]
  for (const [leaf, of, expected] of table) t.equal(outlook(leaf, of), expected, JSON.stringify([leaf, of]))
})

t.test('it never says all or none where a path of the template is decided otherwise', async () => {
  const part = fc.constantFrom('a', 'b', 'ab', 'a.png')
  const segments = (wild: string) =>
    fc.array(fc.oneof(part, fc.constant(wild)), { minLength: 1, maxLength: 4 })
  const text = segments('{*}').map((parts) => `/${parts.join('/')}`)
  const value = segments('b').chain((parts) =>
    fc.nat(6).map((cut) => `/${parts.join('/')}`.slice(0, 7 - cut)),
  )
  const leaf = fc.oneof(
    fc.tuple(fc.constantFrom('exact', 'prefix', 'contains'), value).map(([type, one]) => path(type, one)),
    value.map((one) => path('suffix', one.slice(1) || 'a')),
    fc.tuple(text, fc.constantFrom('', '/{**}')).map(([one, rest]) => template(one + rest)),
  )
  fc.assert(
    fc.property(leaf, text, fc.array(part, { minLength: 4, maxLength: 4 }), (tested, of, parts) => {
      const said = outlook(tested, of)
      if (said === undefined || !of.includes('{')) return
      const own = parts.reduce((left, one) => left.replace('{*}', one), of)
      const test = leafTest(tested)
      if (test.of !== 'request') throw new Error('of requests')
      const matches = test.matches({
        identity: '',
        sourceAddress: '10.0.0.1',
        destinationAddress: '10.0.0.2',
        destinationPort: 80,
        sni: '',
        method: 'GET',
        authority: 'a',
        path: own,
        values: () => [],
        claims: undefined,
      })
      if (matches !== said)
        throw new Error(`${JSON.stringify(tested)} of ${of}: ${said}, but ${own}: ${matches}`)
    }),
    { numRuns: 3000 },
  )
})
