import t from 'tap'
import { scannedPath } from './scanned-path.ts'

t.test('segments of a path, and whether all read it as it is written', async (t) => {
  for (const [path, usual, begins] of [
    ['/', true, [1, 2]],
    ['/a', true, [1, 3]],
    ['/ab//c/', true, [1, 4, 5, 7, 8]],
    ['', true, [1]],
    ['*', true, [2]],
    ['a/b', true, [4]],
    ['/a%2F', false, [1, 6]],
    ['/a;b/c', false, [1, 5, 7]],
    ['/A', false, [1, 3]],
    ['/Z', false, [1, 3]],
    ['/@[', true, [1, 4]],
    ['/\x7f', true, [1, 3]],
    ['/\x80', false, [1, 3]],
  ] as const)
    for (const again of ['', ' again']) {
      const scanned = scannedPath(path)
      t.equal(scanned.usual, usual, path + again)
      t.equal(scanned.segments, begins.length - 1, path + again)
      t.same(scanned.begins.slice(0, begins.length), begins, path + again)
    }
})

t.test('a path of very many segments leaves nothing behind', async (t) => {
  t.equal(scannedPath('/'.repeat(10_000)).segments, 10_000)
  const { begins, segments } = scannedPath('/a/b')
  t.same(begins.slice(0, segments + 1), [1, 3, 5])
  t.ok(begins.length < 10, 'what was kept for it is gone')
})
