import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { brokenLinks } from './document-links.ts'

const PROJECT = join(import.meta.dirname, '..')
const page = (name: string): string => readFileSync(join(PROJECT, 'docs', name), 'utf8')

/** The last cell of each row of each table. */
function lastCells(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\|[ |:-]+$/.test(line))
    .map((line) => line.split(' | ').at(-1)?.replace(/ *\|$/, '').trim() ?? '')
    .filter((cell) => cell !== 'held by')
}

t.test('each claim of the threat model names a test that is there', async (t) => {
  const cells = lastCells(page('threat-model.md'))
  t.ok(cells.length > 30)
  for (const cell of cells) {
    const named = [...cell.matchAll(/`([^`]+)`(?: "([^"]+)")?/g)]
    t.ok(named.length > 0, cell)
    for (const [, path = '', title] of named) {
      const file = join(PROJECT, path)
      t.ok(existsSync(file), path)
      if (title !== undefined) t.ok(readFileSync(file, 'utf8').replaceAll("\\'", "'").includes(title), title)
    }
  }
})

t.test('every link of a document leads to a file, and every fragment to a heading', async (t) => {
  const documents = globSync(['*.md', '.github/**/*.md', 'docs/**/*.md', 'e2e/**/*.md'], { cwd: PROJECT })
  t.ok(documents.length > 20)
  for (const name of documents) t.same(brokenLinks(join(PROJECT, name)), [], name)
})

t.test('a link that leads nowhere is found', async (t) => {
  const folder = t.testdir({
    'page.md': `# A page of \`code\`, and more
## Twice
## Twice
\`\`\`md
## In code
[in code](none.md)
\`\`\`
[a](#twice-1) [b](#a-page-of-code-and-more) [c](other.md#there "title") \`[d](none.md)\` [e](https://example.com/none#x)
[f](#twice-2) [g](#in-code) [h](none.md) [i](other.md#not-there) [j]
![k](none.png)

[j]: gone.md
`,
    'other.md': '## There\n',
  })
  t.same(brokenLinks(join(folder, 'page.md')), [
    '#twice-2: there is no such heading',
    '#in-code: there is no such heading',
    'none.md: there is no such file',
    'other.md#not-there: there is no such heading',
    'none.png: there is no such file',
    'gone.md: there is no such file',
  ])
})
