import t from 'tap'
import { coversPath } from './observed-calls.ts'

t.test('which template stands for all paths of another', async (t) => {
  const covered: readonly [general: string, narrow: string][] = [
    ['/items', '/items'],
    ['/items/{*}', '/items/apple'],
    ['/items/{*}', '/items/{*}'],
    ['/{*}/x', '/items/x'],
    ['/a/{**}', '/a/b/c'],
    ['/a/{**}', '/a/{*}/c'],
    ['/a/{**}', '/a/'],
    ['/a/{**}', '/a/b/{**}'],
    ['/a/{**}', '/a/{**}'],
  ]
  const not: readonly [general: string, narrow: string][] = [
    ['/items/{*}', '/items'],
    ['/items/{*}', '/items/'],
    ['/items/{*}', '/items/a/b'],
    ['/items/apple', '/items/{*}'],
    ['/items/{*}', '/items/{**}'],
    ['/a/{**}', '/a'],
    ['/a/{**}', '/b/c'],
    ['/items', '/items/'],
  ]
  for (const [general, narrow] of covered) t.equal(coversPath(general, narrow), true, `${general} ${narrow}`)
  for (const [general, narrow] of not) t.equal(coversPath(general, narrow), false, `${general} ${narrow}`)
})
