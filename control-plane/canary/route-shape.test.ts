import t from 'tap'
import { Fields, type FieldProblem } from '../registry/fields.ts'
import { readHttpRoute } from '../registry/kinds/http-route.ts'
import type { CanarySpec } from '../registry/kinds/canary.ts'
import { readShape, STABLE_ONLY, writeShape, type RawRule } from './route-shape.ts'

const SPEC: CanarySpec = {
  route: { kind: 'HTTPRoute', name: 'catalog' },
  stable: { name: 'v1', port: 80 },
  canary: { name: 'v2', port: 80 },
  intervalMs: 1000,
  warmupMs: 0,
  steps: [
    {
      kind: 'testers',
      holdMs: 0,
      testers: [
        { type: 'header', name: 'x-tester', value: 'yes' },
        { type: 'cookie', name: 'tester', value: 'a.b' },
      ],
    },
  ],
  conditions: { maximumDropPercent: 1, latency: undefined, prometheus: [] },
  onBreach: 'Rollback',
}
const REFS = [
  { name: 'v1', port: 80, weight: 100 },
  { name: 'v2', port: 80, weight: 0 },
]
const RULES: RawRule[] = [
  {
    matches: [{ path: { type: 'PathPrefix', value: '/a' } }],
    backendRefs: REFS,
    timeouts: { request: '1s' },
  },
  { matches: [{ path: { type: 'PathPrefix', value: '/b' } }], backendRefs: [{ name: 'other', port: 80 }] },
]

/** As the control plane reads a route, so that nothing is written that it refuses. */
function problemsOf(rules: readonly RawRule[]): FieldProblem[] {
  const problems: FieldProblem[] = []
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'catalog', namespace: 'shop' },
    spec: { parentRefs: [{ group: '', kind: 'Service', name: 'catalog' }], rules },
  }
  readHttpRoute(new Fields(route, [], problems))
  return problems
}

t.test('every shape is read back as it was written, and leaves the rest alone', (t) => {
  for (const shape of [
    STABLE_ONLY,
    { weight: 10, mirrorPercent: 0, testers: false },
    { weight: 0, mirrorPercent: 25, testers: false },
    { weight: 50, mirrorPercent: 0, testers: true },
    { weight: 100, mirrorPercent: 0, testers: false },
  ]) {
    const written = writeShape(RULES, 'shop', SPEC, shape)
    t.match(readShape(written, 'shop', SPEC), {
      indexes: [0],
      testerIndexes: shape.testers ? [2] : [],
      shape,
    })
    t.strictSame(written[1], RULES[1])
    t.strictSame(written[0]?.['timeouts'], RULES[0]?.['timeouts'])
    t.strictSame(problemsOf(written), [])
    t.strictSame(writeShape(written, 'shop', SPEC, shape), written, 'once more it is the same')
    t.strictSame(writeShape(written, 'shop', SPEC, STABLE_ONLY), RULES, 'and nothing of it stays')
  }
  t.end()
})

t.test('testers get the new version wherever the rule matches', (t) => {
  const [, , testers] = writeShape(RULES, 'shop', SPEC, { ...STABLE_ONLY, testers: true })
  t.match(testers, {
    matches: [
      { path: { value: '/a' }, headers: [{ type: 'Exact', name: 'x-tester', value: 'yes' }] },
      { path: { value: '/a' }, headers: [{ type: 'RegularExpression', name: 'cookie' }] },
    ],
    backendRefs: [{ name: 'v2', weight: 1 }],
  })
  const cookie =
    (testers?.['matches'] as { headers: { value: string }[] }[] | undefined)?.[1]?.headers[0]?.value ?? ''
  const matches = (text: string): boolean => new RegExp(`^(?:${cookie})$`).test(text)
  t.ok(['tester=a.b', 'x=1; tester=a.b', 'x=1;tester=a.b;y=2'].every(matches))
  t.notOk(['tester=axb', 'xtester=a.b', 'tester=a.bc'].some(matches))
  t.end()
})

t.test('what a person writes is told from what a Canary writes', (t) => {
  const shapeOf = (...refs: object[]) => {
    const read = readShape([{ backendRefs: refs }], 'shop', SPEC)
    return typeof read === 'string' ? read : read.shape
  }
  t.match(shapeOf({ name: 'v1', port: 80, weight: 90 }, { name: 'v2', port: 80, weight: 10 }), { weight: 10 })
  t.match(shapeOf({ name: 'v1', port: 80, weight: 9 }, { name: 'v2', port: 80, weight: 1 }), { weight: -1 })
  t.match(
    shapeOf({ name: 'v1', port: 80 }, { name: 'v2', port: 80 }),
    { weight: -1 },
    'a weight left out is 1',
  )
  t.match(shapeOf({ name: 'v1', port: 80 }), /add the one that is missing/)
  t.match(shapeOf(...REFS, { name: 'v3', port: 80 }), /other backendRefs/)
  t.match(shapeOf({ ...REFS[0], namespace: 'other' }, REFS[1] as object), /no rule/)
  t.end()
})
