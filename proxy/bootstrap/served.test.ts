import { readFileSync } from 'node:fs'
import t from 'tap'
import { renderServed } from './testing/render-served.ts'

t.test('the document lists what is read, and nothing else', async (t) => {
  const document = readFileSync(new URL('../../docs/bootstrap.md', import.meta.url), 'utf8')
  // The formatter pads tables.
  const rows = (text: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith('|') || line.startsWith('###'))
      .map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-'))
  t.same(rows(document), rows(renderServed()))
})
