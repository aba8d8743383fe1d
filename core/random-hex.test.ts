import t from 'tap'
import { randomHex, randomUuid } from './random-hex.ts'

t.test('digits of the length that was asked for, none given twice', async (t) => {
  const seen = new Set<string>()
  for (let i = 0; i < 2000; i++) seen.add(randomHex(16))
  t.equal(seen.size, 2000)
  t.ok([...seen].every((text) => /^[0-9a-f]{32}$/.test(text)))
  t.equal(randomHex(1).length, 2)
})

t.test('a UUID has version 4, its variant, and random digits everywhere else', async (t) => {
  const seen = Array.from({ length: 2000 }, randomUuid)
  t.equal(new Set(seen).size, 2000)
  t.same(
    seen.filter(
      (text) => !/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text),
    ),
    [],
  )
  for (let at = 0; at < 36; at++) {
    const here = new Set(seen.map((text) => text[at])).size
    t.equal(here, [8, 13, 14, 18, 23].includes(at) ? 1 : at === 19 ? 4 : 16, `digit ${at}`)
  }
})
