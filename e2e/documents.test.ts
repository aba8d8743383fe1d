import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

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

t.test('links of these pages lead to pages', async (t) => {
  for (const name of ['threat-model.md', 'differences.md'])
    for (const [, link = ''] of page(name).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g))
      t.ok(existsSync(join(PROJECT, 'docs', link)), `${name}: ${link}`)
})
