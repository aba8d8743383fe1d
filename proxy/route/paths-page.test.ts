import { readFileSync } from 'node:fs'
import t from 'tap'
import { PATHS_AS_THEY_COME, SAFE_PATHS, type PathRules } from '../model/path-rules.ts'
import { normalizePath } from './normalize-path.ts'

// docs/paths.md is held to: every cell of its tables is what happens.

const page = readFileSync(new URL('../../docs/paths.md', import.meta.url), 'utf8')

/** Tables as rows of cells, without the lines below their heads. */
const tables: string[][][] = page
  .split(/\n(?!\|)/)
  .filter((block) => block.startsWith('|') || block.includes('\n|'))
  .map((block) =>
    block
      .split('\n')
      .filter((line) => line.startsWith('|') && !line.startsWith('| --'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim().replaceAll('`', '')),
      ),
  )

function outcome(path: string, rules: PathRules): string {
  const result = normalizePath(path, rules)
  if (typeof result === 'string') return result
  return result.kind === 'refused' ? '400' : `307 ${result.path}`
}

const SETTINGS: Readonly<Record<string, Readonly<Record<string, PathRules>>>> = {
  'normalize-paths': { on: SAFE_PATHS, off: PATHS_AS_THEY_COME },
  'escaped-slashes': {
    guard: SAFE_PATHS,
    keep: { ...SAFE_PATHS, escapedSlashes: 'keep' },
    reject: { ...SAFE_PATHS, escapedSlashes: 'reject' },
    redirect: { ...SAFE_PATHS, escapedSlashes: 'unescape-redirect' },
    unescape: { ...SAFE_PATHS, escapedSlashes: 'unescape-forward' },
  },
  'path-parameters': {
    guard: SAFE_PATHS,
    keep: { ...SAFE_PATHS, parameters: 'keep' },
    reject: { ...SAFE_PATHS, parameters: 'reject' },
  },
}

t.test('the examples are what happens by default', async (t) => {
  const [head, ...rows] = tables.find(([first]) => first?.[0] === 'what comes') ?? []
  t.equal(head?.length, 3)
  t.ok(rows.length > 15)
  for (const [path = '', expected] of rows) t.equal(outcome(path, SAFE_PATHS), expected, path)
})

for (const [setting, values] of Object.entries(SETTINGS)) {
  t.test(`the table of ${setting} has every value, and says what it does`, async (t) => {
    const [head = [], ...rows] = tables.find(([first]) => first?.[0] === setting) ?? []
    t.same(
      rows.map(([value]) => value),
      Object.keys(values),
    )
    for (const [value = '', ...expected] of rows)
      for (const [i, path] of head.slice(1).entries())
        t.equal(outcome(path, values[value] ?? SAFE_PATHS), expected[i], `${value}: ${path}`)
  })
}

t.test('no table of the page is passed over', async (t) => {
  t.equal(tables.length, 1 + Object.keys(SETTINGS).length)
})
