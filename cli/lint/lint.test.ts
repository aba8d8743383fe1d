import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import type { CheckFinding, Checks } from '../../core/api/checks.ts'
import { meshChecks } from './mesh-checks.ts'
import { sarifLog } from './sarif.ts'

const PROGRAM = join(import.meta.dirname, '../weft.ts')

const WRONG = `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { weft.dev/inject: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules:
    - backendRefs: [{ name: wbe, port: 80 }]
`
const IGNORED = WRONG.replace('wbe', 'web').replace(
  'metadata: { name: web, namespace: shop }\nspec: { selector',
  'metadata:\n  name: web\n  namespace: shop\n  annotations: { weft.dev/lint-ignore: "WEFT0201: its pods are made by an operator" }\nspec: { selector',
)

function lint(cwd: string, argv: readonly string[], stdin = '') {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, KUBECONFIG: '', HOME: '/nonexistent' }
    const child = execFile(
      process.execPath,
      [PROGRAM, 'lint', ...argv],
      { env, cwd },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
    child.stdin?.end(stdin)
  })
}

/** The schema of OASIS is of draft 04, which differs for us in the name of its id alone. */
function sarifSchema(): object {
  const path = createRequire(import.meta.url).resolve('@microsoft/jest-sarif')
  const file = join(path, '../schemas/sarif-2.1.0-rtm.5.json')
  const {
    id: _id,
    $schema: _schema,
    ...schema
  } = JSON.parse(readFileSync(file, 'utf8')) as {
    id: string
    $schema: string
  }
  return schema
}

const validSarif = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(
  sarifSchema(),
)

t.test('findings with place, code and remedy; exit codes; what objects leave out', async (t) => {
  const directory = t.testdir({ 'shop.yaml': WRONG, ignored: { 'shop.yaml': IGNORED } })
  const text = await lint(directory, ['-f', 'shop.yaml'])
  t.equal(text.code, 1)
  t.match(
    text.stdout,
    'shop.yaml:16:23: error WEFT0102: HTTPRoute shop/web: spec.rules[0].backendRefs[0].name: Service shop/wbe is not there',
  )
  t.match(text.stdout, 'shop.yaml:8:9: warning WEFT0201: Service shop/web')
  t.match(text.stdout, '1 error, 1 warning')
  t.notOk(text.stdout.includes('\u001B'), 'no colours where it is no terminal')

  const stdin = await lint(directory, ['-f', '-', '--json'], WRONG)
  t.equal(stdin.code, 1)
  const { checks } = JSON.parse(stdin.stdout) as Checks
  t.match(checks, [{ code: 'WEFT0102', file: 'stdin', line: 16 }, { code: 'WEFT0201' }])
  t.match(await lint(directory, ['-f', '-', '-n', 'blog'], WRONG), { code: 0, stdout: 'nothing was found\n' })

  const ignored = await lint(directory, ['-f', 'ignored', '--fail-on', 'warning', '--json'])
  t.equal(ignored.code, 0)
  t.match(JSON.parse(ignored.stdout), {
    suppressed: [{ code: 'WEFT0201', name: 'web', reason: 'its pods are made by an operator' }],
  })
  const warned = await lint(directory, ['-f', 'shop.yaml', '--fail-on', 'warning'])
  t.equal(warned.code, 1)

  const wrong = await lint(directory, ['-f', 'shop.yaml', '--fail-on', 'errors'])
  t.match(wrong, {
    code: 2,
    stderr: /--fail-on: "errors" must be error, warning or info; did you mean error\?/,
  })
  t.match(await lint(directory, ['-f', 'nowhere']), { code: 2, stderr: /nowhere is not there/ })
  t.match(await lint(directory, ['-f', 'shop.yaml', '-n', 'a b']), {
    code: 2,
    stderr: /no name of a namespace/,
  })
})

t.test('names in manifests drive neither a terminal nor a build', async (t) => {
  const wrong = String.raw`{ apiVersion: v1, kind: Service, metadata: { name: "x\n::error file=a::b\e[2J", namespace: "s\e]0;t\a" } }`
  const directory = t.testdir({ 'shop.yaml': wrong })
  const { stdout, stderr } = await lint(directory, ['-f', 'shop.yaml'])
  t.match(stdout, 'Service s/x?::error file=a::b: metadata.name')
  t.notMatch(stdout + stderr, /^::|[^\P{Cc}\n]/mu)
})

t.test('SARIF 2.1.0 by its schema, with what was left out as suppressed', async (t) => {
  const directory = t.testdir({ 'a b.yaml': WRONG, 'c.yaml': 'a: [' })
  const { code } = await lint(directory, ['-f', '.', '--sarif', 'lint.sarif'])
  t.equal(code, 1)
  const log = JSON.parse(readFileSync(join(directory, 'lint.sarif'), 'utf8')) as {
    runs: { results: unknown[] }[]
  }
  t.ok(validSarif(log), JSON.stringify(validSarif.errors))
  t.match(log.runs[0]?.results, [
    {
      ruleId: 'WEFT0102',
      level: 'error',
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'a%20b.yaml', uriBaseId: 'ROOT' },
            region: { startLine: 16, startColumn: 23 },
          },
        },
      ],
    },
  ])
  const suppressed = await lint(directory, ['-f', '-', '--sarif', '-'], IGNORED)
  const other: unknown = JSON.parse(suppressed.stdout)
  t.ok(validSarif(other), JSON.stringify(validSarif.errors))
  t.match(other, {
    runs: [{ results: [{ suppressions: [{ kind: 'inSource', justification: /an operator/ }] }] }],
  })
  t.notOk(validSarif({ ...log, version: '2.0.0' }), 'the schema is one')
  t.ok(validSarif(sarifLog([FINDING], [], '/')), 'of a mesh, without files')
})

const FINDING: CheckFinding = {
  code: 'WEFT0701',
  severity: 'info',
  kind: 'HTTPRoute',
  namespace: 'shop',
  name: 'web',
  field: 'spec.rules[0]',
  message: 'no request followed it in the last 25 h',
  effect: '',
  remedy: 'take it out',
  file: null,
  line: null,
  column: null,
}

t.test('control planes of a version before the page of checks', async (t) => {
  const silent = { askAny: async () => ({ replica: 'a', replicas: 1, body: undefined }) }
  await t.rejects(meshChecks(silent, undefined), { code: 'mesh.old' })
})
