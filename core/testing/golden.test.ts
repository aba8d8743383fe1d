import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { goldenText } from './golden.ts'

t.test('a golden file is written when that is asked for, and never by itself', async (t) => {
  const path = join(t.testdir(), 'new', 'case.txt')
  t.throws(() => goldenText(path, 'made', false), {
    message: /case\.txt cannot be read; .* UPDATE_GOLDEN=1 /,
  })
  t.notOk(existsSync(path), 'a case without a file fails, and goes on failing')

  t.equal(goldenText(path, 'made', true), 'made')
  writeFileSync(path, 'edited')
  t.equal(goldenText(path, 'made', false), 'edited')
  t.equal(readFileSync(path, 'utf8'), 'edited', 'the file stays as it is')
  t.equal(goldenText(path, 'made', true), 'made')
})
