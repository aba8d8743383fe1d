import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseManifests } from '../parse-manifests.ts'
import { formatSourceError } from '../source.ts'

const GOOD = `
apiVersion: weft.dev/v1alpha1
kind: Canary
metadata: { name: catalog, namespace: shop }
spec:
  routeRef: { kind: HTTPRoute, name: catalog }
  stable: { name: catalog-v1, port: 8080 }
  canary: { name: catalog-v2, port: 8080 }
  interval: 10s
  steps:
    - { mirror: { percent: 50 } }
    - { matches: [{ cookie: { name: tester, value: 'yes' } }], hold: 1m }
    - { weight: 10 }
    - { pause: {} }
    - { weight: 50, hold: 5m }
`

t.test('a Canary is read whole, with what it has by itself', (t) => {
  const { objects, errors } = parseManifests('a.yaml', GOOD)
  t.same(errors, [])
  t.match(objects[0]?.object, {
    kind: 'Canary',
    spec: {
      intervalMs: 10_000,
      warmupMs: 0,
      onBreach: 'Rollback',
      conditions: {
        maximumDropPercent: 1,
        latency: { percentile: 99, maximumIncreasePercent: 50 },
        prometheus: [],
      },
      steps: [
        { kind: 'mirror', percent: 50, holdMs: 30_000 },
        { kind: 'testers', holdMs: 60_000 },
        { kind: 'weight', weight: 10 },
        { kind: 'pause' },
        { kind: 'weight', weight: 50, holdMs: 300_000 },
      ],
    },
  })
  const [only] = parseManifests('a.yaml', `${GOOD}  conditions: { successRate: {} }\n`).objects
  t.match(only?.object, { spec: { conditions: { maximumDropPercent: 1, latency: undefined } } })
  t.end()
})

const OF_DEPLOYMENT = GOOD.replace(
  /  stable: .*\n  canary: .*\n/,
  '  deployment: { name: catalog, service: shop-catalog, port: 8080 }\n',
)

t.test('two revisions of a Deployment are two Services by names of their own', (t) => {
  const { objects, errors } = parseManifests('a.yaml', OF_DEPLOYMENT)
  t.same(errors, [])
  t.match(objects[0]?.object, {
    spec: {
      deployment: { name: 'catalog', service: 'shop-catalog', port: 8080 },
      stable: { name: 'catalog-stable', port: 8080 },
      canary: { name: 'catalog-canary', port: 8080 },
    },
  })
  const wrong: [string, string, RegExp][] = [
    [
      '  deployment:',
      '  stable: { name: a, port: 1 }\n  deployment:',
      /spec\.stable: does not go with deployment/,
    ],
    ['service: shop-catalog, ', '', /spec\.deployment\.service: is required/],
    [', port: 8080 }', ' }', /spec\.deployment\.port: is required/],
    [
      'name: catalog, service',
      `name: ${'c'.repeat(57)}, service`,
      /spec\.deployment\.name: has 57 characters; at most 56/,
    ],
    [', port: 8080 }', ', port: 8080, replicas: 2 }', /spec\.deployment\.replicas: is not a field/],
  ]
  for (const [before, after, message] of wrong)
    t.match(
      parseManifests('a.yaml', OF_DEPLOYMENT.replace(before, after)).errors.map(formatSourceError).join('\n'),
      message,
    )
  t.end()
})

t.test('a mistake is told by its field', (t) => {
  const wrong: [string, string, RegExp][] = [
    ['name: catalog-v2', 'name: catalog-v1', /spec\.canary: is the stable version itself/],
    ['weight: 50', 'weight: 5', /spec\.steps\[4\]\.weight: is less than the 10 before it/],
    ['weight: 50', 'weight: 101', /steps\[4\]\.weight: must be an integer from 0 to 100/],
    [
      '{ weight: 10 }',
      '{ weight: 10, mirror: {} }',
      /steps\[2\]: needs one of weight, mirror, matches and pause/,
    ],
    ['{ weight: 10 }', '{ wieght: 10 }', /wieght: .* did you mean weight\?/],
    ['{ pause: {} }', '{ pause: {}, hold: 1s }', /hold: does not go with pause/],
    ['weight: 50', 'mirror: {}', /steps\[4\]\.mirror: comes too late/],
    ['interval: 10s', 'interval: 10ms', /interval: must be from 1s to 300s/],
    ['interval: 10s', 'onBreach: Explode', /onBreach: must be one of Rollback, Pause/],
    ['kind: HTTPRoute', 'kind: TCPRoute', /routeRef\.kind: must be one of HTTPRoute, GRPCRoute/],
    ['interval: 10s', 'conditions: { succesRate: {} }', /did you mean successRate/],
    [
      'interval: 10s',
      "conditions: { prometheus: [{ name: q, address: 'http://p:9090', query: up }] }",
      /prometheus\[0\]: needs a minimum or a maximum/,
    ],
    [
      'interval: 10s',
      "conditions: { prometheus: [{ name: q, address: 'file:///etc/passwd', query: up, maximum: 1 }] }",
      /address: must be a URL/,
    ],
  ]
  for (const [from, to, message] of wrong) {
    const { errors, objects } = parseManifests('a.yaml', GOOD.replace(from, to))
    t.match(errors.map(formatSourceError).join('\n'), message)
    t.equal(objects.length, 0)
  }
  t.end()
})

t.test('the example of the page is taken as it stands', (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/canary.md'), 'utf8')
  const [, example = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(page) ?? []
  const { objects, errors } = parseManifests('docs/canary.md', example)
  t.same(errors, [])
  t.strictSame(
    objects.map(({ object }) => object.kind),
    ['HTTPRoute', 'Canary'],
  )
  t.end()
})
