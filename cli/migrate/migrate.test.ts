import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readDocuments } from '../../control-plane/registry/documents.ts'
import { Fields, type FieldProblem } from '../../control-plane/registry/fields.ts'
import { parseManifests } from '../../control-plane/registry/parse-manifests.ts'
import { formatProblem } from '../../core/problem.ts'
import { checkFile, manifestProblems } from '../../local/problems/check-manifests.ts'
import { writtenObject } from '../../local/problems/checked.ts'
import { goDuration } from './durations.ts'
import { readCors } from './istio/cors.ts'
import { migrateTexts } from './migrate-texts.ts'
import { Notes } from './notes.ts'
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

const service = (name: string, ports = '[{ port: 80 }]'): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: ${ports} }\n---\n`
const virtualService = (http: string): string =>
  `${service('a')}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a], http: ${http} }\n`
const TO_A = 'route: [{ destination: { host: a } }]'

t.test('a list of kubectl stands for its items, and notes say where they stand in it', async (t) => {
  const item = { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'a' } }
  const spec = { host: 'a', trafficPolicy: { tls: { mode: 'SIMPLE' } } }
  const list = { apiVersion: 'v1', kind: 'List', items: [{ ...item, spec }] }
  t.match(notesOf('istio', JSON.stringify(list, undefined, 1)), [
    /^in\.yaml:15:7: error: DestinationRule default\/a: spec\.trafficPolicy\.tls\.mode: SIMPLE has no counterpart/,
  ])
})

t.test('input that is none is refused as a whole, by its place', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['kind: A\n  b: c', 'in.yaml:1:7'],
    ['a: 1', 'in.yaml:1:1: apiVersion'],
    ['apiVersion: v1\nkind: [A]', 'in.yaml:1:1: kind'],
    ['- 1', 'in.yaml:1:1: apiVersion'],
    ['apiVersion: v1\nkind: A\nmetadata: { name: 1 }', 'in.yaml:1:1: metadata.name'],
    [`a: &a [1]\nb: [${'*a,'.repeat(300)}]`, 'in.yaml:1:1'],
    ['[', 'in.yaml:1:2'],
  ]
  for (const [text, field] of cases)
    t.throws(() => migrate('istio', text), { code: 'migrate.input', field }, text)
  t.throws(() => migrate('consul', ''), { code: 'cli.flags' })
  t.same(migrate('istio', '').migrated, [])
  // A file of nothing but brackets ends in an error, not in a crash.
  t.throws(() => migrate('istio', '['.repeat(100_000)), { code: 'migrate.input' })
})

t.test('wrong values anywhere are told, and never end it', async (t) => {
  const wrong = ['1', 'x', '[]', '[1]', '{ a: 1 }', 'true', '~']
  const templates = [
    (value: string) => virtualService(value),
    (value: string) => virtualService(`[{ match: ${value}, ${TO_A} }]`),
    (value: string) => virtualService(`[{ match: [{ uri: ${value}, headers: ${value} }], ${TO_A} }]`),
    (value: string) =>
      virtualService(`[{ route: ${value}, timeout: ${value}, retries: ${value}, fault: ${value} }]`),
    (value: string) =>
      virtualService(`[{ ${TO_A}, mirror: ${value}, corsPolicy: ${value}, headers: ${value} }]`),
    (value: string) =>
      `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: a }\nspec: { host: ${value}, subsets: ${value}, trafficPolicy: ${value} }`,
    (value: string) =>
      `apiVersion: linkerd.io/v1alpha2\nkind: ServiceProfile\nmetadata: { name: a.b.svc }\nspec: { routes: ${value}, dstOverrides: ${value}, retryBudget: ${value} }`,
    (value: string) =>
      `apiVersion: policy.linkerd.io/v1beta3\nkind: HTTPRoute\nmetadata: { name: a, annotations: ${value} }\nspec: { parentRefs: [{ kind: Service, name: a, port: 1 }], rules: ${value} }`,
    (value: string) =>
      `apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: { name: a }\nspec: { service: ${value}, backends: ${value} }`,
    (value: string) =>
      `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: a }\nspec: { selector: ${value}, targetRefs: ${value}, action: ${value}, rules: ${value} }`,
    (value: string) =>
      `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: a }\nspec: { rules: [{ from: ${value}, to: [{ operation: ${value} }], when: [{ key: ${value}, values: ${value} }] }] }`,
    (value: string) =>
      `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: a }\nspec: { jwtRules: ${value} }`,
    (value: string) =>
      `apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: { name: a }\nspec: { podSelector: ${value}, port: ${value}, accessPolicy: ${value} }`,
    (value: string) =>
      `apiVersion: policy.linkerd.io/v1alpha1\nkind: AuthorizationPolicy\nmetadata: { name: a }\nspec: { targetRef: ${value}, requiredAuthenticationRefs: ${value} }`,
    (value: string) =>
      `apiVersion: policy.linkerd.io/v1alpha1\nkind: MeshTLSAuthentication\nmetadata: { name: a }\nspec: { identities: ${value}, identityRefs: ${value} }`,
    (value: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: { name: a, labels: ${value}, annotations: ${value} }`,
  ]
  for (const template of templates)
    for (const value of wrong)
      for (const mesh of ['istio', 'linkerd'])
        t.same(parseManifests('printed', printed(mesh, template(value))).errors, [], template(value))
})

t.test('a rule is left out rather than widened', async (t) => {
  const rules = (http: string): number =>
    printed('istio', virtualService(http)).split('- matches:').length - 1
  t.equal(rules(`[{ match: [{ uri: { exact: /a } }], ${TO_A} }]`), 1)
  for (const match of [
    '{ uri: { exact: /a }, sourceLabels: { a: b } }',
    '{ uri: { exact: /a }, withoutHeaders: { a: {} } }',
    '{ uri: { exact: /a }, unknown: 1 }',
    '{ uri: { exact: /a, prefix: /b } }',
    '{ uri: { exact: /a }, method: { regex: "G.*" } }',
    '{ uri: { exact: a } }',
    '{ uri: { exact: /a }, headers: { "x y": { exact: b } } }',
    '{ uri: { exact: /a }, scheme: { exact: https } }',
    '{ uri: { exact: /a }, gateways: [public] }',
  ]) {
    const text = printed('istio', virtualService(`[{ match: [${match}], ${TO_A} }]`))
    t.notMatch(text, /kind: HTTPRoute/, match)
  }
})

t.test('a target of another namespace, and a protocol that only pods can say, are named', async (t) => {
  const elsewhere = migrate(
    'istio',
    `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: a, namespace: shop }
spec:
  targetRefs: [{ kind: Service, name: web, namespace: other }]
  jwtRules: [{ issuer: https://issuer.example }]
`,
  )
  t.match(JSON.stringify(elsewhere), /is of another namespace, other/)
  t.notMatch(JSON.stringify(elsewhere), /kind: RequestAuthentication/)
  const opaque = migrate(
    'linkerd',
    `apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: { name: db, namespace: shop }
spec: { podSelector: { matchLabels: { app: db } }, port: 5432, proxyProtocol: opaque }
`,
  )
  t.match(JSON.stringify(opaque), /opaque is said of pods/)
})

t.test('rules and matches are spread over as many routes as Gateway API needs', async (t) => {
  const rules = Array.from({ length: 40 }, (_, at) => `{ match: [{ uri: { exact: /${at} } }], ${TO_A} }`)
  const names = (text: string) =>
    parseManifests('printed', text).objects.flatMap(({ object }) =>
      object.kind === 'HTTPRoute' ? [[object.meta.name, object.rules.length]] : [],
    )
  t.same(names(printed('istio', virtualService(`[${rules.join(',')}]`))), [
    ['a', 16],
    ['a-2', 16],
    ['a-3', 8],
  ])
  const matches = Array.from({ length: 130 }, (_, at) => `{ uri: { exact: /${at} } }`)
  t.same(names(printed('istio', virtualService(`[{ match: [${matches.join(',')}], ${TO_A} }]`))), [
    ['a', 2],
    ['a-2', 1],
  ])
  const profile = (condition: string): string =>
    `${service('a')}apiVersion: linkerd.io/v1alpha2\nkind: ServiceProfile\nmetadata: { name: a.default.svc.cluster.local }\nspec: { routes: [{ condition: ${condition} }] }`
  const any = `{ any: [${Array.from({ length: 60 }, (_, at) => `{ pathRegex: /${at} }`).join(',')}] }`
  t.match(notesOf('linkerd', profile(`{ all: [${any}, ${any}, ${any}, ${any}, ${any}, ${any}] }`)), [
    /becomes no rule/,
    /means more than 64 conditions/,
  ])
})

t.test('no object replaces another one, nor one that is there', async (t) => {
  const split = (name: string) =>
    `---\napiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: { name: ${name} }\nspec: { service: a, backends: [{ service: a, weight: 1 }] }\n`
  const there =
    'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: s }\nspec: { parentRefs: [] }\n'
  const text = printed('linkerd', service('a') + there + split('s'))
  t.match(text, /kind: HTTPRoute\nmetadata:\n {2}name: s-2\n/)
  const rule =
    'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: a }\nspec: { host: a, subsets: [{ name: v1, labels: { v: a } }] }'
  t.match(notesOf('istio', service('a') + service('a-v1') + rule), [/Service default\/a-v1 is there already/])
})

t.test(
  'annotations where nothing is read are named, and time-outs of a route keep the order that they must have',
  async (t) => {
    t.match(
      notesOf(
        'istio',
        'apiVersion: v1\nkind: Service\nmetadata: { name: a, annotations: { networking.istio.io/exportTo: . } }',
      ),
      [/Service default\/a: metadata\.annotations\["networking\.istio\.io\/exportTo"\]: is not on a pod/],
    )
    const deployment = (metadata: string): string =>
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a, ${metadata} }\nspec: { template: { metadata: { ${metadata} } } }`
    const text = deployment('annotations: { linkerd.io/inject: enabled }')
    t.match(notesOf('linkerd', text), [/^in\.yaml:3:\d+: error: .*is not on a pod/])
    t.match(printed('linkerd', text), /template:\n {4}metadata:\n {6}labels:\n {8}weft.dev\/inject: enabled/)
    const route =
      'apiVersion: policy.linkerd.io/v1beta3\nkind: HTTPRoute\nmetadata: { name: a, annotations: { retry.linkerd.io/timeout: 2s } }\n' +
      'spec: { parentRefs: [{ kind: Service, name: a, port: 80 }], rules: [{ timeouts: { request: 1s } }, {}] }'
    t.match(printed('linkerd', route), /request: 1s\n {6}backendRefs:[^]*backendRequest: 2s/)
  },
)

t.test('words that YAML 1.1 reads as something else are quoted', async (t) => {
  t.match(
    printed(
      'istio',
      virtualService(`[{ match: [{ headers: { a: { exact: 'off' }, b: { exact: '0x10' } } }], ${TO_A} }]`),
    ),
    /value: 'off'[^]*value: '0x10'/,
  )
})

t.test('CORS: what is named is kept, patterns are not', async (t) => {
  const problems: FieldProblem[] = []
  const policy = {
    allowOrigins: [{ exact: 'https://shop.example' }, { regex: '.*' }],
    allowMethods: ['GET'],
    maxAge: '90m',
    allowCredentials: true,
  }
  const [document] = readDocuments('{}').documents
  const notes = new Notes(
    writtenObject('in.yaml', document ?? { value: {}, position: () => ({ line: 1, column: 1 }) }),
  )
  t.same(readCors(new Fields(policy, ['corsPolicy'], problems), notes), {
    type: 'CORS',
    cors: {
      allowOrigins: ['https://shop.example'],
      allowMethods: ['GET'],
      maxAge: 5400,
      allowCredentials: true,
    },
  })
  t.same(problems, [])
  t.match(notes.all, [{ field: 'corsPolicy.allowOrigins[1]', severity: 'error' }])
})

t.test('durations as Gateway API writes them', async (t) => {
  for (const [text, expected] of [
    ['10s', '10s'],
    ['1.5s', '1500ms'],
    ['0s', '0s'],
    ['100us', '1ms'],
    ['1h30m', '1h30m'],
    ['0.5h', '1800s'],
    ['100000s', '27h46m40s'],
    ['120.5s', '120s500ms'],
    ['999999h', undefined],
    ['soon', undefined],
    ['-1s', undefined],
  ] as const)
    t.equal(goDuration(text), expected, text)
})

t.test('the command: exit codes, standard error and --json', async (t) => {
  const weft = (argv: readonly string[], stdin: string) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const args = [join(import.meta.dirname, '../weft.ts'), 'migrate', ...argv]
      const child = execFile(process.execPath, args, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      )
      child.stdin?.end(stdin)
    })
  const whole = await weft(['istio', '-f', '-', '-n', 'shop'], virtualService(`[{ ${TO_A} }]`))
  t.match(whole, { code: 0, stderr: '', stdout: /namespace: shop/ })
  const partly = await weft(['istio', '--json', '-'], virtualService(`[{ ${TO_A}, directResponse: {} }]`))
  t.match(partly, { code: 3, stderr: /^stdin:9:.*directResponse: has no counterpart; / })
  t.match(JSON.parse(partly.stdout), {
    complete: false,
    manifests: [],
    notes: [{ severity: 'error', line: 9 }],
  })
  t.match(await weft(['linkerd', '-f', '-'], 'a: ['), {
    code: 1,
    stdout: '',
    stderr: /^weft migrate: stdin:1:/,
  })
  for (const argv of [[], ['consul', '-f', '-'], ['istio'], ['istio', '--wrong']])
    t.match(await weft(argv, ''), { code: 2, stdout: '' }, argv.join(' '))
})
