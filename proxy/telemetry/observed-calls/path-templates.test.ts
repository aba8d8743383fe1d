import t from 'tap'
import fc from 'fast-check'
import { isIdentifierSegment } from './identifier-segment.ts'
import {
  MOST_FIRST_VALUES,
  MOST_VALUES,
  PathTemplates,
  withoutIdentifiers,
  type PathTemplate,
} from './path-templates.ts'

function setUp(positions = 1000) {
  const gone = new Map<PathTemplate, PathTemplate>()
  const renamed: string[] = []
  const room = { positions }
  const templates = new PathTemplates(room, {
    merged: (from, into) => void gone.set(from, into),
    renamed: ({ text }) => void renamed.push(text),
  })
  const now = (template: PathTemplate): PathTemplate => {
    const into = gone.get(template)
    return into ? now(into) : template
  }
  return { templates, now, renamed, room }
}

t.test('identifiers by their look', async (t) => {
  const identifiers = [
    '1',
    '20260101',
    '2026-01-01',
    '0af76519-16cd-43dd-8448-eb211c80319c',
    '507f1f77bcf86cd799439011',
    'deadbeefdeadbeef',
    '7f3a9c21',
    'order-2026-000123',
    'someone@example.com',
    'caf%C3%A9',
    'dQw4w9WgXcQdQw4w9WgXcQ',
    'eyJhbGciOiJIUzI1NiJ9',
    'x'.repeat(65),
    '{*}',
    'a*',
  ]
  const words = [
    '',
    'users',
    'v1',
    'v1beta1',
    'oauth2',
    'sha256',
    'facade',
    'defaced',
    'index.html',
    'shop.v1.Catalog',
    'favicon.ico',
    'apple-touch-icon.png',
    'AuthorizationPolicies',
    '.well-known',
    'item-42',
  ]
  for (const one of identifiers) t.equal(isIdentifierSegment(one), true, one)
  for (const one of words) t.equal(isIdentifierSegment(one), false, one)
})

t.test('paths and their templates', async (t) => {
  const table: readonly [learned: readonly string[], template: string][] = [
    [['/'], '/'],
    [['/items'], '/items'],
    [['/items/'], '/items/'],
    [['/items/17'], '/items/{*}'],
    [['/items/17', '/items/search'], '/items/search'],
    [['/items/search', '/items/17'], '/items/{*}'],
    [['/users/17/cards/0af76519-16cd-43dd-8448-eb211c80319c'], '/users/{*}/cards/{*}'],
    [['/a//b'], '/a//b'],
    [['/a{b}/c'], '/{*}/c'],
    [[`/${'a/'.repeat(30)}b`], `/${'a/'.repeat(20)}{**}`],
    [[...words(MOST_VALUES, '/fruit/'), '/fruit/last'], '/fruit/{*}'],
    [words(MOST_VALUES, '/fruit/'), '/fruit/aat'],
    [[...words(MOST_VALUES, '/fruit/', '/price'), '/fruit/last/price'], '/fruit/{*}/price'],
    [words(MOST_FIRST_VALUES, '/'), '/adv'],
    [[...words(MOST_FIRST_VALUES, '/'), '/last'], '/{*}'],
    // A slash at the end is no value of its position.
    [[...words(MOST_VALUES, '/fruit/'), '/fruit/'], '/fruit/'],
  ]
  for (const [learned, template] of table) {
    const { templates, now } = setUp()
    const last = learned.map((path) => templates.learn(path)).at(-1)
    t.equal(last && now(last).text, template, String(learned.at(-1)))
  }
})

t.test('what is joined takes the templates of all its words with it', async (t) => {
  const { templates, now, renamed } = setUp()
  const early = templates.learn('/fruit/apple/price')
  for (const path of words(MOST_VALUES, '/fruit/', '/price')) templates.learn(path)
  t.equal(early && now(early).text, '/fruit/{*}/price')
  t.equal(early && templates.find('/fruit/apple/price'), early && now(early))
  t.equal(templates.find('/fruit/never-seen/price')?.text, '/fruit/{*}/price')
  t.equal(templates.find('/fruit/apple'), undefined)
  t.same(renamed, ['/fruit/{*}/price'])
})

t.test('a path that was not learned has none, and a look-up learns nothing', async (t) => {
  const { templates, room } = setUp()
  templates.learn('/items/17')
  const left = room.positions
  for (const path of ['/', '/items', '/items/18/x', '/items/word', '/itemz/1', '/items//'])
    t.equal(templates.find(path), undefined, path)
  t.equal(templates.find('/items/18')?.text, '/items/{*}')
  t.equal(room.positions, left)
})

t.test('no room: what is known is still found', async (t) => {
  const { templates } = setUp(3)
  t.equal(templates.learn('/a/b')?.text, '/a/b')
  t.equal(templates.learn('/c/d'), undefined)
  t.equal(templates.learn('/a/b')?.text, '/a/b')
})

t.test('a guess without having seen others', async (t) => {
  t.equal(withoutIdentifiers('/users/17/me'), '/users/{*}/me')
})

t.test('whatever comes: a template covers its paths, no two are one, and room is kept', async () => {
  const segment = fc.oneof(
    fc.constantFrom('a', 'b', 'c', '', 'me', '{*}', '{**}', '*'),
    fc
      .integer({ min: 0, max: 60 })
      .map((i) => `w${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))}`),
    fc.nat(999).map(String),
    fc.uuid(),
  )
  const path = fc.array(segment, { minLength: 1, maxLength: 24 }).map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(fc.array(path, { maxLength: 300 }), fc.integer({ min: 0, max: 400 }), (paths, positions) => {
      const { templates, now, room } = setUp(positions)
      const made = new Map<string, PathTemplate>()
      for (const one of paths) {
        const template = templates.learn(one)
        if (template) made.set(one, template)
        if (room.positions < 0) return false
      }
      const texts = new Map<string, PathTemplate>()
      for (const [one, template] of made) {
        const { text } = now(template)
        if (!stands(text, one)) return false
        // Two templates of one text would count apart what is the same.
        if ((texts.get(text) ?? now(template)) !== now(template)) return false
        texts.set(text, now(template))
        const found = templates.find(one)
        if (!found || !stands(found.text, one)) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
})

/** `aaa`, `aab` and so on. */
function words(count: number, before: string, after = ''): string[] {
  return Array.from({ length: count }, (_, i) => {
    const letters = [0, i / 26, i].map((n) => String.fromCharCode(97 + (Math.floor(n) % 26))).join('')
    return `${before}${letters}${after}`
  })
}

/** By a pattern, not by the code that is tried. */
function stands(template: string, path: string): boolean {
  const parts = template.split('/').map((part) => {
    if (part === '{**}') return '.*'
    return part === '{*}' ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`, 's').test(path)
}
