import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import packageJson from '../../../package.json' with { type: 'json' }
import { goldenText } from '../../../core/testing/golden.ts'
import { CONTROL_PLANE_COMMAND } from '../../../control-plane/command.ts'
import { CNI_COMMAND } from '../../../injector/cni/command.ts'
import { INJECTOR_COMMAND } from '../../../injector/command.ts'
import { defaultSettings, parseSettings } from '../../../injector/settings.ts'
import { chartArchive } from '../../../release/chart.ts'
import { readSources } from '../../../release/sources.ts'
import { CHART, NAMESPACE, OLDEST_KUBERNETES, openHelm } from './helm.ts'
import { MANIFESTS, staticManifests } from './manifests.ts'
import { objectOf, objectsOf, type Rendered } from './rendered.ts'
import { REFUSED, VALUE_SETS } from './value-sets.ts'

const GOLDEN = join(import.meta.dirname, 'golden')
const helm = await openHelm((line) => t.comment(line))
t.teardown(() => helm.close())

const settingsOf = (objects: readonly Rendered[]): unknown =>
  parse(objectOf(objects, 'ConfigMap', 'weft-injector').data['settings.yaml'])

t.test('helm lint has nothing to say, with any of the value sets', async (t) => {
  for (const values of [{}, ...Object.values(VALUE_SETS)]) {
    const said = await helm.run(
      ['lint', CHART, '--strict', '--quiet', '--kube-version', OLDEST_KUBERNETES],
      values,
    )
    t.equal(said, '')
  }
})

t.test('each set of values gives its golden file (UPDATE_GOLDEN=1 writes them)', async (t) => {
  for (const [name, values] of Object.entries(VALUE_SETS)) {
    const text = await helm.template(values)
    t.equal(text, goldenText(join(GOLDEN, `${name}.yaml`), text), name)
  }
})

t.test('deploy/manifests is what the chart gives (npm run manifests writes it)', async (t) => {
  t.equal(await staticManifests(helm), readFileSync(MANIFESTS, 'utf8'))
})

t.test("helm reads the archive of a release as it reads the chart's folder", async (t) => {
  const { chartFiles, section, seconds } = await readSources()
  const path = join(t.testdir(), 'weft.tgz')
  writeFileSync(path, chartArchive(CHART, chartFiles, section.changes, seconds))
  const rendered = (chart: string) =>
    helm.run(['template', 'weft', chart, '--include-crds', '--kube-version', OLDEST_KUBERNETES])
  t.equal(await rendered(path), await rendered(CHART))
})

t.test('a wrong value is refused by its name', async (t) => {
  for (const [values, message] of REFUSED) {
    await t.rejects(helm.template(values), { code: 'kubernetes.helm', message }, JSON.stringify(values))
  }
})

t.test('the schema and the values name the same fields', (t) => {
  const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'))
  const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'))
  const compare = (path: string, node: Rendered, value: Rendered): void => {
    if (node?.properties === undefined) return
    t.equal(node.additionalProperties, false, `${path || 'the whole'} takes nothing else`)
    const known = Object.keys(node.properties).filter((key) => key !== 'global')
    t.same(Object.keys(value).toSorted(), known.toSorted(), path)
    for (const key of known) compare(`${path}/${key}`, node.properties[key], value[key])
  }
  compare('', schema, values)
  t.end()
})

t.test('the chart has the version of the program', (t) => {
  const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'))
  t.match(chart, { version: packageJson.version, appVersion: packageJson.version })
  t.end()
})

t.test('the injector takes the settings; those of no value at all are its own', async (t) => {
  const { version } = packageJson
  t.same(parseSettings(settingsOf(objectsOf(await helm.template())), 'none'), defaultSettings(version))
  for (const [name, values] of Object.entries(VALUE_SETS)) {
    const settings = parseSettings(settingsOf(objectsOf(await helm.template(values))), 'none')
    t.ok(settings.excludedNamespaces.includes(NAMESPACE), name)
  }
  const company = parseSettings(settingsOf(objectsOf(await helm.template(VALUE_SETS['company']))), 'none')
  t.match(company, {
    proxyImage: /^registry\.example\/weft-proxy@sha256:0{64}$/,
    initImage: 'registry.example:5000/weft/weft-init:0.1.0-company.2',
    trustDomain: 'mesh.example',
    excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', NAMESPACE, 'builds'],
    resources: { memoryLimit: '256Mi' },
  })
})

t.test('each program is started by its name, with flags that it has', async (t) => {
  const commands = { 'control-plane': CONTROL_PLANE_COMMAND, injector: INJECTOR_COMMAND, cni: CNI_COMMAND }
  for (const values of [{}, ...Object.values(VALUE_SETS)]) {
    const objects = objectsOf(await helm.template(values))
    for (const [part, command] of Object.entries(commands)) {
      const kind = part === 'cni' ? 'DaemonSet' : 'Deployment'
      if (part === 'cni' && !objects.some((one) => one.kind === kind)) continue
      const { spec } = objectOf(objects, kind, `weft-${part}`).spec.template
      const [name, ...flags] = spec.containers[0].args as string[]
      t.equal(name, part)
      t.same(
        flags.filter((flag) => !Object.hasOwn(command.flags, flag.split('=')[0]?.slice(2) ?? '')),
        [],
        part,
      )
    }
  }
})

t.test("a value's label never takes the place of one that the chart selects by", async (t) => {
  const labels = { 'app.kubernetes.io/name': 'mine', 'app.kubernetes.io/part-of': 'mine', team: 'a' }
  const values = { labels, controlPlane: { podLabels: { ...labels, team: 'b' } } }
  const deployment = objectOf(objectsOf(await helm.template(values)), 'Deployment', 'weft-control-plane')
  t.match(deployment.metadata.labels, { 'app.kubernetes.io/name': 'weft-control-plane', team: 'a' })
  t.match(deployment.spec.template.metadata.labels, {
    'app.kubernetes.io/name': 'weft-control-plane',
    'app.kubernetes.io/part-of': 'weft',
    team: 'b',
  })
})
