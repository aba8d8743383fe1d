import t from 'tap'
import type { Problem } from '../../core/problem.ts'
import { checkFile, manifestProblems } from './check-manifests.ts'
import { checkExamples, exampleBase, ofManifests, type Played } from './check-examples.ts'
import { CHECKS, CHECK_CODES, type CheckCode } from '../../core/checks/catalog.ts'
import { lintManifests } from './lint-manifests.ts'
import { findInMesh } from './testing/played-mesh.ts'

// Each check of the catalogue, by the example that docs/checks.md shows: what is wrong is found, and nothing of what is right.

const FILES = exampleBase('files')
const RUNNING = exampleBase('running')

function play(code: CheckCode, { manifests, seen }: Played): readonly Problem[] {
  if (!ofManifests(code)) return findInMesh(RUNNING, manifests, seen)
  const files = [checkFile('example.yaml', manifests), checkFile('base.yaml', without(FILES, manifests))]
  if (CHECKS[code].by === 'machine') return manifestProblems(files)
  return lintManifests(files).findings
}

/** The base without what the example says of the same objects. */
function without(base: string, example: string): string {
  const named = (document: string) =>
    [/^kind: (.*)$/m, /name: ([\w-]+)/].map((pattern) => pattern.exec(document)?.[1]).join(' ')
  const own = new Set(example.split('---\n').map(named))
  return base
    .split('---\n')
    .filter((document) => !own.has(named(document)))
    .join('---\n')
}

const say = (problems: readonly Problem[]) =>
  problems.map(({ code, kind, name, field, message }) => `${code} ${kind} ${name} ${field}: ${message}`)

for (const { code, wrong, right } of checkExamples())
  t.test(code, (t) => {
    const found = play(code, wrong)
    const own = found.find((one) => one.code === code)
    t.ok(own, `${CHECKS[code].title}: ${say(found).join('\n')}`)
    t.ok(own && own.remedy.length > 0 && own.message.length > 0)
    if (own && ofManifests(code)) t.ok(own.file !== null && own.line !== null, 'with its place')
    const left = play(code, right)
    t.strictSame(say(left.filter((one) => one.code === code)), [], 'the right one')
    t.strictSame(
      say(left.filter(({ severity }) => severity === 'error')),
      [],
      'the right one is without error',
    )
    t.end()
  })

t.test('what the examples stand beside is well', (t) => {
  t.strictSame(say(lintManifests([checkFile('base.yaml', FILES)]).findings), [])
  t.strictSame(say(findInMesh(RUNNING, '', '')), [])
  t.end()
})

t.test('codes are told apart, and each is explained', (t) => {
  for (const code of CHECK_CODES) {
    t.match(code, /^WEFT\d{4}$/)
    for (const text of [CHECKS[code].why, CHECKS[code].remedy]) t.match(text, /[.?]$|\)$|`$/, code)
  }
  t.equal(new Set(CHECK_CODES.map((code) => CHECKS[code].title)).size, CHECK_CODES.length)
  t.end()
})
