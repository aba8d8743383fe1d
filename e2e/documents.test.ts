import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { describeWeft } from '../cli/commands.ts'
import { SECTIONS } from '../control-plane/model/traffic-settings.ts'
import { MemorySource } from '../control-plane/registry/memory-source.ts'
import { parseManifests } from '../control-plane/registry/parse-manifests.ts'
import { Translator } from '../control-plane/translate/translate.ts'
import { PLAYED_COMMANDS, UNPLAYED_COMMANDS } from './cluster-commands.ts'
import { wrongCommand } from './document-commands.ts'
import { commandsOf, fencesOf } from './document-fences.ts'
import { brokenLinks } from './document-links.ts'

const PROJECT = join(import.meta.dirname, '..')
const page = (name: string): string => readFileSync(join(PROJECT, 'docs', name), 'utf8')

const DOCUMENTS = ['*.md', '.github/**/*.md', 'docs/**/*.md', 'examples/**/*.md', 'e2e/**/*.md']

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
  const documents = globSync(DOCUMENTS, { cwd: PROJECT })
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

t.test('every command of a document is one that there is, with flags that there are', async (t) => {
  const weft = await describeWeft()
  let count = 0
  for (const name of globSync(DOCUMENTS, { cwd: PROJECT })) {
    const text = readFileSync(join(PROJECT, name), 'utf8')
    for (const { language, line } of fencesOf(text))
      t.ok(/^(sh|yaml|json|js|md|text|promql)?$/.test(language), `${name}:${line}: \`\`\`${language}`)
    for (const { text: command, line } of commandsOf(text)) {
      count++
      t.equal(wrongCommand(command, weft), undefined, `${name}:${line}: ${command}`)
    }
  }
  t.ok(count > 80)
})

t.test('a command that there is not is found', async (t) => {
  const weft = await describeWeft()
  const text = `# A page
\`\`\`sh
npx weft local up -f examples/canary   # with "quotes' in a comment
npx weft local validate -f my/ && npx weft local valdate -f my/
weft inject -f x.yaml --replicas 2 > y.yaml
npx weft local up --expose
  weft ca \\
    rotate
npm run nothing
npm run bench -- --seconds 5 --secnds 5
helm install weft deploy/charts --set images.registry=a
helm install weft deploy/chart --set 'images.registri=#1' |
  cat
npx weft local exec web -it -- node -e 'a; b' --flag-of-its-own
kubectl get pods | weft proxies -q
npx vitepress
\`\`\`
`
  t.strictSame(
    commandsOf(text).flatMap(({ text: command, line }) => {
      const wrong = wrongCommand(command, weft)
      return wrong === undefined ? [] : [[line, wrong]]
    }),
    [
      [4, 'weft local: there is no command "valdate"; did you mean validate?'],
      [5, 'weft inject: unknown flag --replicas'],
      [6, 'weft local up: --expose needs a value'],
      [8, 'weft ca: COMMAND: "rotate" must be status, prepare, promote or retire'],
      [9, 'npm run nothing: package.json has no such script'],
      [10, 'npm run bench: there is no flag --secnds'],
      [11, 'deploy/charts: there is no such file'],
      [13, 'helm: the chart has no value images.registri'],
      [15, 'weft proxies: unknown flag -q'],
      [16, 'npx vitepress: only weft is run by npx'],
    ],
  )
})

t.test('every command for a cluster is played by a test, or named as one that none plays', async (t) => {
  const found = globSync(DOCUMENTS, { cwd: PROJECT, exclude: ['docs/getting-started.md'] }).flatMap((name) =>
    commandsOf(readFileSync(join(PROJECT, name), 'utf8')).flatMap(({ text, line }) =>
      /^(kubectl|helm) /.test(text) ? [{ text, place: `${name}:${line}` }] : [],
    ),
  )
  const known = [...PLAYED_COMMANDS.map(({ begins }) => begins), ...UNPLAYED_COMMANDS]
  for (const { text, place } of found)
    t.ok(
      known.some((begins) => text.startsWith(begins)),
      `${place}: ${text}`,
    )
  for (const begins of known)
    t.ok(
      found.some(({ text }) => text.startsWith(begins)),
      `no document has ${begins}`,
    )
  for (const { by, as } of PLAYED_COMMANDS)
    t.ok(readFileSync(join(PROJECT, 'e2e/kubernetes', by), 'utf8').includes(as), `${by}: ${as}`)
})

t.test('what documents say of the REST interface is there', async (t) => {
  const served = globSync('control-plane/serve/{rest,tap}/*.ts', { cwd: PROJECT })
    .map((file) => readFileSync(join(PROJECT, file), 'utf8'))
    .join('\n')
  const isServed = (path: string) => served.includes(`'${path}'`) || served.includes(`'${path}/:`)
  for (const name of globSync(DOCUMENTS, { cwd: PROJECT }))
    for (const [, path = ''] of readFileSync(join(PROJECT, name), 'utf8').matchAll(/`(\/api\/[a-z/-]+)/g))
      t.ok(isServed(path.replace(/\/$/, '')), `${name}: ${path}`)
})

t.test('the policies of the page on resilience are taken as they stand, and set every section', async (t) => {
  const examples = fencesOf(page('resilience.md')).filter(({ text }) => text.includes('kind: TrafficPolicy'))
  const said = examples.flatMap(({ text, line }) => {
    const { objects, errors } = parseManifests(`docs/resilience.md:${line}`, text)
    t.same(errors, [])
    return objects.flatMap(({ object }) =>
      object.kind === 'TrafficPolicy' ? Object.keys(object.settings) : [],
    )
  })
  t.same([...new Set(said)].toSorted(), SECTIONS.toSorted())
  const source = MemorySource.of(...examples.map(({ text }) => text))
  const { policyProblems } = new Translator({ trustDomain: 'cluster.local' }).translate(source.snapshot.value)
  t.same(
    policyProblems.filter(({ reason }) => reason !== 'TargetNotFound'),
    [],
    'none says what another one says',
  )
})

t.test('the policies of the page on security are taken as they stand', async (t) => {
  const examples = fencesOf(page('security.md')).filter(({ language }) => language === 'yaml')
  t.equal(examples.length, 4)
  for (const { text, line } of examples) {
    const { objects, errors } = parseManifests(`docs/security.md:${line}`, text)
    t.same(errors, [])
    t.ok(objects.length > 0)
    // Each is a whole of its own.
    const { policyProblems } = new Translator({ trustDomain: 'cluster.local' }).translate(
      MemorySource.of(text).snapshot.value,
    )
    t.same(
      policyProblems.filter(({ reason }) => reason !== 'NothingSelected'),
      [],
      `line ${line}`,
    )
  }
})
