import { readFileSync } from 'node:fs'
import t from 'tap'
import { CRDS_PAGE, readCrds, withCrds, type Crd } from './crds-page.ts'
import { readerFor } from './registry/kinds/kinds.ts'
import { kindProblem } from './registry/kinds/known-kinds.ts'
import { parseManifests } from './registry/parse-manifests.ts'

const page = readFileSync(CRDS_PAGE, 'utf8')

t.test('the page has the definitions that the chart installs', (t) => {
  t.equal(page, withCrds(page), 'node control-plane/crds-page.ts writes it')
  t.throws(() => withCrds('nothing'), /lacks its marks/)
  t.end()
})

t.test('every definition is read, in each of its versions', (t) => {
  const crds = readCrds()
  t.ok(crds.length > 0)
  for (const { spec } of crds) {
    const versions = spec.versions.map(({ name }) => `${spec.group}/${name}`)
    t.match(
      kindProblem(`${spec.group}/v0`, spec.names.kind),
      { path: ['apiVersion'] },
      'and no other version',
    )
    for (const version of versions) {
      t.equal(kindProblem(version, spec.names.kind), undefined)
      t.ok(readerFor(version, spec.names.kind))
    }
  }
  t.end()
})

t.test('the examples of the page are taken as they stand', (t) => {
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text]) => text ?? '')
  t.ok(examples.length > 0)
  for (const text of examples) {
    const { objects, errors } = parseManifests('docs/crds.md', text)
    t.same(errors, [])
    t.equal(objects.length, text.split('---\n').length)
  }
  t.end()
})

t.test('each word of a schema stands on the page, and one without words is an error', (t) => {
  const crdOf = (field: object): Crd => ({
    spec: {
      group: 'weft.dev',
      scope: 'Namespaced',
      names: { kind: 'Example', plural: 'examples' },
      versions: [
        {
          name: 'v1',
          schema: {
            openAPIV3Schema: { properties: { metadata: {}, spec: { properties: { field } } } },
          },
        },
      ],
    },
  })
  const empty = withCrds(page, [])
  const described = (field: object) => withCrds(empty, [crdOf(field)])
  const field = { type: 'integer', minimum: 1, maximum: 9, default: 3, description: 'How many.' }
  t.match(
    described(field),
    /`spec\.field` +\| integer +\| optional, `3` by itself +\| at least 1; at most 9 +\| How many\. +\|/,
  )
  t.match(
    described({
      type: 'array',
      maxItems: 2,
      items: { type: 'object', properties: { name: { type: 'string' } } },
    }),
    /`spec\.field` +\| list of objects .*at most 2 items[\s\S]*`spec\.field\[\]\.name` +\| string/,
  )
  t.notMatch(described(field), /`metadata`/, "Kubernetes' own are left out")
  t.throws(
    () => described({ type: 'string', format: 'date' }),
    /spec\.field: the page has no words for format/,
  )
  t.end()
})
