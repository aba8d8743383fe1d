import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatMended, formatProblem } from '../../core/problem.ts'
import { checkFile, manifestProblems } from './check-manifests.ts'

// Each file with mistakes, and beside it what is told of them. UPDATE_GOLDEN=1 writes the latter.
const GOLDEN = join(import.meta.dirname, 'golden')
const rewrite = process.env['UPDATE_GOLDEN'] === '1'

t.test('a path in a message is written as the place is', async (t) => {
  const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n'
  const files = ['/here/a.yaml', '/here/b.yaml'].map((path) => checkFile(path, text))
  const [problem] = manifestProblems(files)
  t.equal(problem?.message, 'is also at /here/a.yaml:1, and that one counts')
  const near = (path: string) => path.replace('/here/', '')
  const said = 'ConfigMap default/a: metadata.name: is also at a.yaml:1, and that one counts'
  t.equal(problem && formatProblem(problem, near), `b.yaml:3:13: error: ${said}; keep one of the two`)
  t.equal(problem && formatMended(problem, near), `mended: b.yaml:3:13: ${said}`)
})

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
