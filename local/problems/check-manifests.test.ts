import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatProblem } from '../../core/problem.ts'
import { checkFile, manifestProblems } from './check-manifests.ts'

// Each file with mistakes, and beside it what is told of them. UPDATE_GOLDEN=1 writes the latter.
const GOLDEN = join(import.meta.dirname, 'golden')
const rewrite = process.env['UPDATE_GOLDEN'] === '1'

t.test('what is told of mistakes: place, object, field and remedy', async (t) => {
  const names = readdirSync(GOLDEN).filter((name) => name.endsWith('.yaml'))
  t.ok(names.length > 0)
  for (const name of names) {
    const problems = manifestProblems([checkFile(name, readFileSync(join(GOLDEN, name), 'utf8'))])
    const told = `${problems.map((problem) => formatProblem(problem)).join('\n')}\n`
    const golden = join(GOLDEN, name.replace(/yaml$/, 'txt'))
    if (rewrite) writeFileSync(golden, told)
    t.equal(told, readFileSync(golden, 'utf8'), name)
    for (const { remedy, line, field } of problems) t.ok(remedy !== '' && line !== null, `${name}: ${field}`)
  }
})
