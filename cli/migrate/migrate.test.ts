import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseManifests } from '../../control-plane/registry/parse-manifests.ts'
import { formatProblem } from '../../core/problem.ts'
import { checkFile, manifestProblems } from '../../local/problems/check-manifests.ts'
import { migrateTexts } from './migrate-texts.ts'
import { jsonOf, yamlOf } from './print.ts'

// UPDATE_GOLDEN=1 writes what is expected anew.
const rewrite = process.env['UPDATE_GOLDEN'] === '1'
const GOLDEN = join(import.meta.dirname, 'golden')

const migrate = (mesh: string, text: string) => migrateTexts(mesh, [{ origin: 'in.yaml', text }], 'default')
const printed = (mesh: string, text: string): string => yamlOf(migrate(mesh, text).migrated)
const notesOf = (mesh: string, text: string): string[] =>
  migrate(mesh, text).notes.map((note) => formatProblem(note))

for (const name of readdirSync(GOLDEN))
  t.test(`golden: ${name}`, async (t) => {
    const [mesh = ''] = name.split('-')
    const input = readFileSync(join(GOLDEN, name, 'input.yaml'), 'utf8')
    const { migrated, notes } = migrate(mesh, input)
    const yaml = yamlOf(migrated)
    const expected = join(GOLDEN, name, 'expected.yaml')
    if (rewrite) writeFileSync(expected, yaml)
    t.ok(existsSync(expected), 'UPDATE_GOLDEN=1 writes it')
    t.equal(yaml, readFileSync(expected, 'utf8'))
    t.same(parseManifests('printed', yaml).errors, [], 'the control plane takes it')
    const lost = notes.some(({ severity }) => severity === 'error')
    t.equal(JSON.parse(jsonOf(migrated, notes)).complete, !lost)
    if (lost) return
    // Where all of it could be said, all of it is in force beside the Services that are there.
    const own = input.split('---\n').filter((text) => text.includes('kind: Service\n'))
    for (const namespace of ['shop', 'testing'])
      own.push(`apiVersion: v1\nkind: Namespace\nmetadata: { name: ${namespace} }`)
    const problems = manifestProblems([checkFile('all.yaml', [...own, yaml].join('\n---\n'))])
    t.same(
      problems.filter(({ severity }) => severity === 'error').map((problem) => formatProblem(problem)),
      [],
    )
  })
