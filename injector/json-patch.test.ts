import fc from 'fast-check'
import t from 'tap'
import { applyPatch, escapePointer } from './json-patch.ts'
import type { Json, JsonObject, PatchOperation } from './json-patch.ts'

const ok = (name: string, document: Json, patch: PatchOperation[], wanted: Json) =>
  t.test(name, async (t) => {
    const before = JSON.stringify(document)
    t.strictSame(applyPatch(document, patch), wanted)
    t.equal(JSON.stringify(document), before, 'the given document stays')
  })
const fails = (name: string, document: Json, patch: PatchOperation[], field: string) =>
  t.test(name, async (t) => t.throws(() => applyPatch(document, patch), { code: 'patch.invalid', field }))

// The cases of RFC 6902 appendix A, in our own words.
ok('adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 })
ok('adding replaces a member that exists', { a: null }, [{ op: 'add', path: '/a', value: [] }], { a: [] })
ok('inserts into an array', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] })
ok('appends to an array', { a: [1] }, [{ op: 'add', path: '/a/-', value: [2] }], { a: [1, [2]] })
ok(
  'removes a member and an element',
  { a: [1, 2], b: 1 },
  [
    { op: 'remove', path: '/a/0' },
    { op: 'remove', path: '/b' },
  ],
  { a: [2] },
)
ok('replaces', { a: [1, 2] }, [{ op: 'replace', path: '/a/1', value: 9 }], { a: [1, 9] })
ok('replaces the whole document', { a: 1 }, [{ op: 'replace', path: '', value: 1 }], 1)
ok('moves', { a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } })
ok(
  'copies',
  { a: [1] },
  [
    { op: 'copy', from: '/a', path: '/b' },
    { op: 'add', path: '/b/-', value: 2 },
  ],
  { a: [1], b: [1, 2] },
)
ok(
  'tests, members in any order',
  { a: { x: 1, y: [2] } },
  [{ op: 'test', path: '/a', value: { y: [2], x: 1 } }],
  { a: { x: 1, y: [2] } },
)
ok(
  'escapes ~ and /',
  { 'a/b': 1, 'm~n': 2 },
  [
    { op: 'replace', path: '/a~1b', value: 3 },
    { op: 'remove', path: '/m~0n' },
  ],
  { 'a/b': 3 },
)
ok('reads ~01 as ~1', { '~1': 1 }, [{ op: 'replace', path: '/~01', value: 2 }], { '~1': 2 })
ok('an empty member name', { '': 1 }, [{ op: 'replace', path: '/', value: 2 }], { '': 2 })

fails('refuses a missing parent', {}, [{ op: 'add', path: '/a/b', value: 1 }], '/a/b')
fails('refuses to replace what is not there', {}, [{ op: 'replace', path: '/a', value: 1 }], '/a')
fails('refuses to remove what is not there', { a: [] }, [{ op: 'remove', path: '/a/0' }], '/a/0')
fails('refuses an index beyond the end', { a: [1] }, [{ op: 'add', path: '/a/2', value: 1 }], '/a/2')
fails('refuses a leading zero', { a: [1, 2] }, [{ op: 'remove', path: '/a/01' }], '/a/01')
fails('refuses a test that differs', { a: '1' }, [{ op: 'test', path: '/a', value: 1 }], '/a')
fails('refuses to move into itself', { a: {} }, [{ op: 'move', from: '/a', path: '/a/b' }], '/a/b')
fails('refuses a pointer without a slash', { a: 1 }, [{ op: 'remove', path: 'a' }], 'a')
fails('refuses a lone ~', { 'a~': 1 }, [{ op: 'remove', path: '/a~' }], '/a~')
fails('sees no inherited member', {}, [{ op: 'test', path: '/constructor', value: 1 }], '/constructor')

t.test('a member called __proto__ is data', async (t) => {
  const result = applyPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }])
  t.equal(JSON.stringify(result), '{"__proto__":{"polluted":true}}')
  t.notOk('polluted' in {})
})

t.test('any key can be written and read again', async () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'a', '') }),
      fc.jsonValue(),
      (key, value) => {
        const result = applyPatch({}, [{ op: 'add', path: `/${escapePointer(key)}`, value: value as Json }])
        return JSON.stringify((result as JsonObject)[key]) === JSON.stringify(value)
      },
    ),
  )
})
