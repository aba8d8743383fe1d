import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { CRDS_PAGE } from './crds-page.ts'
import { KINDS_SCHEMA, kindsSchema } from './editor-schema.ts'
import { parseManifests } from './registry/parse-manifests.ts'

const text = readFileSync(KINDS_SCHEMA, 'utf8')
const takes = new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(text))
const read = (manifest: unknown) => parseManifests('a.yaml', JSON.stringify(manifest)).errors

t.test('the schema is that of the definitions', (t) => {
  t.equal(text, kindsSchema(), 'node control-plane/editor-schema.ts writes it')
  t.end()
})

t.test('it takes the examples of the page', (t) => {
  const page = readFileSync(CRDS_PAGE, 'utf8')
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].flatMap(([, one = '']) =>
    parseAllDocuments(one).map((document) => document.toJS() as unknown),
  )
  t.ok(examples.length > 1)
  for (const example of examples) t.ok(takes(example), JSON.stringify(takes.errors))
  t.end()
})

const POLICY = `
apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: all, namespace: shop, labels: { team: a } }
spec:
  selector: { matchLabels: { app: web } }
  mtls: { mode: STRICT }
`

t.test('it refuses what the control plane refuses', (t) => {
  const wrong: readonly (readonly [from: string, to: string])[] = [
    ['STRICT', 'STRIKT'],
    ['mode:', 'mod:'],
    ['mtls:', 'mtsl:'],
    ['selector:', 'selectro:'],
    ['{ app: web }', '{}'],
    ['{ app: web }', '{ app: 1 }'],
    ['name: all,', ''],
    ['spec:', 'portLevelMtls: {}\nspec:'],
  ]
  t.ok(takes(parse(POLICY)))
  t.same(read(parse(POLICY)), [])
  for (const [from, to] of wrong) {
    const manifest: unknown = parse(POLICY.replace(from, to))
    t.notOk(takes(manifest), `${from} -> ${to}`)
    t.not(read(manifest).length, 0, `${from} -> ${to}, by the control plane`)
  }
  t.end()
})

t.test('a kind and a version that are not there are refused; other groups are left alone', (t) => {
  for (const [from, to] of [
    ['PeerAuthentication', 'PeerAuthentcation'],
    ['v1alpha1', 'v1'],
    ['kind: PeerAuthentication', ''],
  ] as const)
    t.notOk(takes(parse(POLICY.replace(from, to))), to)
  for (const apiVersion of ['v1', 'apps/v1', 'security.example/v1', 'weftXdev/v1'])
    t.ok(takes({ apiVersion, kind: 'PeerAuthentcation', spec: { any: 1 } }), apiVersion)
  t.end()
})
