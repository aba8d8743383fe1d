/** How one test of the suite ended. */
export interface TestResult {
  readonly name: string
  readonly result: 'passed' | 'failed' | 'skipped'
  readonly seconds: number
}

interface Level {
  readonly result: string
  readonly statistics: { readonly Passed: number; readonly Failed: number; readonly Skipped: number }
  readonly failedTests?: readonly string[]
  readonly skippedTests?: readonly string[]
}

/** What is read of a ConformanceReport (gateway.networking.k8s.io/v1, conformance/apis/v1 of the suite). */
export interface ConformanceReport {
  readonly gatewayAPIVersion: string
  readonly gatewayAPIChannel: string
  readonly mode: string
  readonly implementation: Readonly<Record<string, unknown>>
  readonly profiles: readonly {
    readonly name: string
    readonly core: Level
    readonly extended?: Level & {
      readonly supportedFeatures?: readonly string[]
      readonly unsupportedFeatures?: readonly string[]
    }
  }[]
  readonly succeededProvisionalTests?: readonly string[]
}

/** The profiles of the suite for a mesh. */
export const PROFILES = ['MESH-HTTP', 'MESH-GRPC'] as const

/** What is claimed: every extended feature of the profiles, and those of no mesh profile that tests for a mesh ask for. */
export const FEATURES = [
  'MeshClusterIPMatching',
  'MeshConsumerRoute',

  'MeshHTTPRouteBackendRequestHeaderModification',
  'MeshHTTPRouteNamedRouteRule',
  'MeshHTTPRouteQueryParamMatching',
  'MeshHTTPRouteRedirectPath',
  'MeshHTTPRouteRedirectPort',
  'MeshHTTPRouteRewritePath',
  'MeshHTTPRouteSchemeRedirect',
  'HTTPRoute303RedirectStatusCode',
  'HTTPRoute307RedirectStatusCode',
  'HTTPRoute308RedirectStatusCode',
  'HTTPRouteParentRefPort',
  'HTTPRouteResponseHeaderModification',
] as const

/** Tests for a mesh, by their names: the others need a gateway, and are skipped by a suite that is told of none. */
export function meshTests(tests: readonly TestResult[]): readonly TestResult[] {
  return tests.filter(({ name }) => name.startsWith('Mesh'))
}

/** What Go puts before lines of its own with -test.v=test2json, which come as a test ends. */
const FRAMING = '\u0016'

/** The result of a test of the suite, in a line of a program of Go's tests; undefined in every other line. */
export function testResult(line: string): TestResult | undefined {
  if (!line.startsWith(FRAMING)) return undefined
  const found = /^--- (PASS|FAIL|SKIP): TestConformance\/([^/\s]+) \((\d+(?:\.\d+)?)s\)$/.exec(line.slice(1))
  if (found === null) return undefined
  const [, said = '', name = '', seconds] = found
  const result = said === 'PASS' ? 'passed' : said === 'FAIL' ? 'failed' : 'skipped'
  return { name, result, seconds: Number(seconds) }
}

/** What keeps a run from being a whole success, a sentence each; none when every test for a mesh ran and passed. */
export function problemsOf(tests: readonly TestResult[]): string[] {
  const mesh = meshTests(tests)
  return [
    ...(mesh.length === 0 ? ['no test for a mesh ran'] : []),
    ...mesh
      .filter(({ result }) => result !== 'passed')
      .map(({ name, result }) => `${name} ${result === 'failed' ? 'failed' : 'was skipped'}`),
    ...tests
      .filter((one) => !mesh.includes(one) && one.result === 'failed')
      .map(({ name }) => `${name} failed, which is no test for a mesh`),
  ]
}

/** The same of a report, which must have both profiles with all of their features. */
export function reportProblems(report: ConformanceReport): string[] {
  return PROFILES.flatMap((name) => {
    const profile = report.profiles.find((one) => one.name === name)
    if (profile === undefined) return [`the report has no profile ${name}`]
    const { core, extended } = profile
    const levels = Object.entries({ core, ...(extended ? { extended } : {}) })
    return [
      // Every test of an extended feature is about HTTP.
      ...(extended === undefined && name === 'MESH-HTTP' ? [`${name}: no extended feature`] : []),
      ...levels.flatMap(([level, { result, skippedTests = [], statistics }]) => [
        ...(result === 'success' ? [] : [`${name}, ${level}: ${result}`]),
        ...(statistics.Passed > 0 ? [] : [`${name}, ${level}: no test passed`]),
        ...skippedTests.map((test) => `${name}, ${level}: ${test} was skipped`),
      ]),
      ...(extended?.unsupportedFeatures ?? []).map((feature) => `${name}: ${feature} is not claimed`),
    ]
  })
}
