import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import packageJson from '../../../package.json' with { type: 'json' }
import { echoImageName } from './echo-image.ts'
import { HELP, parseOptions } from './options.ts'
import { SUITE_VERSION } from './programs.ts'
import { FEATURES, problemsOf, reportProblems, testResult, type ConformanceReport } from './report.ts'

const REPORTS = join(import.meta.dirname, '../../../docs/conformance')

const passed = (name: string) => ({ name, result: 'passed' as const, seconds: 1 })
const level = (more: object = {}) => ({
  result: 'success',
  statistics: { Passed: 2, Failed: 0, Skipped: 0 },
  ...more,
})
const reportWith = (
  http: object,
  grpc: object = { name: 'MESH-GRPC', core: level() },
): ConformanceReport => ({
  gatewayAPIVersion: 'v1.6.3',
  gatewayAPIChannel: 'experimental',
  mode: 'default',
  implementation: {},
  profiles: [{ name: 'MESH-HTTP', core: level(), extended: level(), ...http }, grpc as never],
})

t.test('options', async (t) => {
  t.strictSame(
    { ...parseOptions(['--report', 'x.yaml', '--json']) },
    { report: 'x.yaml', json: true, check: false, help: false },
  )
  for (const wrong of [['--skip'], ['MeshBasic'], ['--report']])
    t.throws(() => parseOptions(wrong), { code: 'cli.flags' }, wrong.join(' '))
  for (const flag of ['report', 'check', 'json', 'help']) t.match(HELP, new RegExp(`^  --${flag} `, 'm'))
})

t.test("a line of Go's tests is the result of one test of the suite, and nothing below one", async (t) => {
  t.strictSame(testResult('\u0016--- PASS: TestConformance/MeshBasic (0.33s)'), {
    name: 'MeshBasic',
    result: 'passed',
    seconds: 0.33,
  })
  t.match(testResult('\u0016--- FAIL: TestConformance/MeshPorts (61.00s)'), { result: 'failed', seconds: 61 })
  t.match(testResult('\u0016--- SKIP: TestConformance/GatewayStaticAddresses (0.00s)'), { result: 'skipped' })
  for (const other of [
    '\u0016--- PASS: TestConformance (27.10s)',
    '\u0016--- PASS: TestConformance/MeshBasic/0_request (0.01s)',
    '\u0016=== RUN   TestConformance/MeshBasic',
    '--- PASS: TestConformance/MeshBasic (0.33s)',
    '        pod.go:61: --- PASS: TestConformance/MeshBasic (0.33s)',
  ])
    t.equal(testResult(other), undefined, other)
})

t.test(
  'a test for a mesh that failed or was skipped is a problem, one for a gateway may be skipped',
  async (t) => {
    const skipped = { name: 'GatewayModifyListeners', result: 'skipped' as const, seconds: 0 }
    t.same(problemsOf([passed('MeshBasic'), skipped]), [])
    t.same(problemsOf([skipped]), ['no test for a mesh ran'])
    t.same(
      problemsOf([
        passed('MeshBasic'),
        { ...passed('MeshPorts'), result: 'skipped' },
        { ...passed('MeshFrontend'), result: 'failed' },
        { ...skipped, result: 'failed' },
      ]),
      [
        'MeshPorts was skipped',
        'MeshFrontend failed',
        'GatewayModifyListeners failed, which is no test for a mesh',
      ],
    )
  },
)

t.test('a report must have both profiles, whole, with every feature of theirs', async (t) => {
  t.same(reportProblems(reportWith({})), [])
  t.same(reportProblems(reportWith({}, { name: 'GATEWAY-GRPC', core: level() })), [
    'the report has no profile MESH-GRPC',
  ])
  t.same(reportProblems(reportWith({ extended: undefined })), ['MESH-HTTP: no extended feature'])
  t.same(
    reportProblems(
      reportWith({
        core: level({ result: 'partial', skippedTests: ['MeshBasic'] }),
        extended: level({
          result: 'failure',
          statistics: { Passed: 0, Failed: 1, Skipped: 0 },
          unsupportedFeatures: ['MeshConsumerRoute'],
        }),
      }),
    ),
    [
      'MESH-HTTP, core: partial',
      'MESH-HTTP, core: MeshBasic was skipped',
      'MESH-HTTP, extended: failure',
      'MESH-HTTP, extended: no test passed',
      'MESH-HTTP: MeshConsumerRoute is not claimed',
    ],
  )
})

t.test('the image of the test application has the name that the manifests give it', async (t) => {
  const manifests = (...images: string[]) =>
    images
      .map((image) => `      containers:\n        - name: echo\n          image: ${image}\n`)
      .join('---\n')
  t.equal(echoImageName(manifests('a.example/echo:v1', 'a.example/echo:v1')), 'a.example/echo:v1')
  t.throws(() => echoImageName(manifests('a.example/echo:v1', 'a.example/echo:v2')), {
    code: 'conformance.image',
  })
  t.throws(() => echoImageName(''), { code: 'conformance.image' })
})

t.test('the report in docs/conformance is of this version and release, whole, and listed', async (t) => {
  const files = globSync('*.yaml', { cwd: REPORTS })
  const readme = readFileSync(join(REPORTS, 'README.md'), 'utf8')
  const current = `experimental-${packageJson.version}-default-report.yaml`
  t.ok(files.includes(current), current)
  for (const file of files) t.match(readme, `(./${basename(file)})`)
  const report = parse(readFileSync(join(REPORTS, current), 'utf8'))
  t.match(report, {
    kind: 'ConformanceReport',
    gatewayAPIVersion: SUITE_VERSION,
    gatewayAPIChannel: 'experimental',
    mode: 'default',
    implementation: { project: 'weft', version: packageJson.version },
  })
  t.same(reportProblems(report), [])
  const extended = report.profiles.flatMap((one: ConformanceReport['profiles'][number]) => one.extended ?? [])
  t.same(
    new Set(extended.flatMap((one: { supportedFeatures: string[] }) => one.supportedFeatures)),
    new Set(FEATURES.filter((name) => name.startsWith('Mesh'))),
  )
})
