import t from 'tap'
import { markdownTable, plain, withWritten } from './document.ts'

t.test('a table is as wide as its cells, and no cell ends it', (t) => {
  const rows = [
    ['name', 'a'],
    ['x|y', plain('*')],
    ['longer', ''],
  ]
  t.equal(
    markdownTable(rows),
    ['| name   | a   |', '| ------ | --- |', String.raw`| x\|y   | \*  |`, '| longer |     |', ''].join('\n'),
  )
  t.end()
})

t.test('only what stands between the marks of the command is written', (t) => {
  const page = 'before\n<!-- Written by `one`: -->\n\nold\n\n<!-- until here. -->\nafter\n'
  const both = `${page}<!-- Written by \`two\`: -->\n<!-- until here. -->\n`
  t.equal(withWritten(page, 'one', 'new\n'), page.replace('old', 'new'))
  t.equal(withWritten(both, 'two', 'new\n').startsWith(page), true, "another command's part stays")
  t.throws(() => withWritten(page, 'two', ''), /lacks its marks <!-- Written by `two`: -->/)
  t.throws(() => withWritten('<!-- Written by `one`: -->', 'one', ''), /lacks its marks/)
  t.end()
})
