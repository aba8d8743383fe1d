import fc from 'fast-check'
import t from 'tap'
import { parseManifests } from './parse-manifests.ts'
import { formatSourceError } from './source.ts'

const problems = (text: string): string[] => parseManifests('shop.yaml', text).errors.map(formatSourceError)

const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: catalog
spec:
  parentRefs:
    - group: ''
      kind: Service
      name: catalog
  rules:
    - backendRefs:
        - name: catalog-v1
          port: 80
`

t.test('a wrong value is told with file, line and field', async (t) => {
  t.strictSame(problems(`${ROUTE}          weight: x\n`), [
    'shop.yaml:14: spec.rules[0].backendRefs[0].weight: must be an integer from 0 to 1,000,000, got "x"',
  ])
})

t.test('unknown fields of routes and of our own kinds are told', async (t) => {
  t.strictSame(problems(`${ROUTE}          wieght: 3\n`), [
    'shop.yaml:14: spec.rules[0].backendRefs[0].wieght: is not a field that is known here; did you mean weight?',
  ])
  const policy = `apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: a, namespace: shop }
spec:
  selectr: { matchLabels: { a: b } }
  mtls: { mode: STRICT }
`
  t.strictSame(problems(policy), [
    'shop.yaml:5: spec.selectr: is not a field that is known here; did you mean selector?',
  ])
})

t.test('a field of one kind of route is unknown in the other', async (t) => {
  const rules = [
    { HTTPRoute: '{ matches: [{ path: { value: /a } }] }', field: 'matches[0].path' },
    { HTTPRoute: '{ matches: [{ queryParams: [] }] }', field: 'matches[0].queryParams' },
    { HTTPRoute: '{ timeouts: { request: 1s } }', field: 'timeouts' },
    { HTTPRoute: '{ retry: { attempts: 1 } }', field: 'retry' },
    { GRPCRoute: '{ matches: [{ method: { service: a } }] }', field: 'matches[0].method' },
  ]
  const route = (kind: string, rule: string): string =>
    `apiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: { name: a }\nspec: { rules: [${rule}] }\n`
  for (const { HTTPRoute, GRPCRoute, field } of rules) {
    const rule = HTTPRoute ?? GRPCRoute
    const [own, other] = HTTPRoute ? ['HTTPRoute', 'GRPCRoute'] : ['GRPCRoute', 'HTTPRoute']
    t.strictSame(problems(route(own, rule)), [], `${own}: ${field}`)
    t.match(problems(route(other, rule)), [`spec.rules[0].${field}: `], `${other}: ${field}`)
  }
})

t.test('routes of connections are read in all of their versions, and know no matches', async (t) => {
  const route = (version: string, kind: string, spec: string): string =>
    `apiVersion: gateway.networking.k8s.io/${version}\nkind: ${kind}\nmetadata: { name: a }\nspec: ${spec}\n`
  const rules = 'rules: [{ name: all, backendRefs: [{ name: db, port: 80 }] }]'
  for (const version of ['v1', 'v1alpha2'])
    t.strictSame(problems(route(version, 'TCPRoute', `{ ${rules} }`)), [])
  for (const version of ['v1', 'v1alpha3', 'v1alpha2'])
    t.strictSame(problems(route(version, 'TLSRoute', `{ ${rules}, hostnames: ['*.a.example'] }`)), [])
  t.strictSame(problems(route('v1alpha2', 'TLSRoute', `{ ${rules} }`)), [])
  t.match(problems(route('v1', 'TLSRoute', `{ ${rules} }`)), [/spec\.hostnames: is required/])
  for (const name of ['UPPER.example', '*', 'a.*.example', '10.0.0.1', '-a.example', `${'a'.repeat(64)}..b`])
    t.match(problems(route('v1', 'TLSRoute', `{ ${rules}, hostnames: ['${name}'] }`)), [
      /spec\.hostnames\[0\]: must be a host name in lower case/,
    ])
  t.match(problems(route('v1', 'TCPRoute', `{ ${rules}, hostnames: [a.example] }`)), [
    /spec\.hostnames: is not/,
  ])
  t.match(problems(route('v1', 'TCPRoute', '{ rules: [] }')), [/spec\.rules: needs a rule/])
  t.match(problems(route('v1', 'TCPRoute', '{ rules: [{ backendRefs: [], filters: [] }] }')), [
    /backendRefs: needs a backend/,
    /filters: is not a field/,
  ])
  const many = Array.from({ length: 17 }, () => '{ name: db, port: 80 }').join(', ')
  t.match(problems(route('v1', 'TCPRoute', `{ rules: [{ backendRefs: [${many}] }] }`)), [/at most 16/])
  const filters = 'rules: [{ backendRefs: [{ name: db, port: 80, filters: [] }] }]'
  t.match(problems(route('v1', 'TCPRoute', `{ ${filters} }`)), [/backendRefs\[0\]\.filters: is not a field/])
})

t.test('every mistake of a file is told at once, also in later documents', async (t) => {
  const text = `${ROUTE}          weight: -1
---
apiVersion: v1
kind: Service
metadata: { name: UPPER }
spec:
  ports:
    - port: 99999
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: g }
spec:
  rules:
    - matches: [{ method: { service: 'no/slash' } }]
      filters: [{ type: RequestRedirect }]
`
  t.match(problems(text), [
    /^shop.yaml:14: spec\.rules\[0\]\.backendRefs\[0\]\.weight: /,
    /^shop.yaml:18: metadata\.name: must be a DNS name/,
    /^shop.yaml:21: spec\.ports\[0\]\.port: must be an integer from 1 to 65,535, got 99999/,
    /^shop.yaml:28: spec\.rules\[0\]\.matches\[0\]\.method\.service: /,
    /^shop.yaml:29: spec\.rules\[0\]\.filters\[0\]\.requestRedirect: is required for this type/,
  ])
})

t.test('header values cannot break a line, paths cannot break a request', async (t) => {
  const filter = (body: string): string =>
    ROUTE.replace('    - backendRefs', `    - filters: [${body}]\n      backendRefs`)
  for (const value of ['a\\r\\nb', 'a\\nb', 'a\\0b']) {
    const text = filter(
      `{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: "${value}"}]}}`,
    )
    t.match(problems(text), [/value: must be an HTTP field value/], value)
  }
  for (const path of ['no-slash', '/a b', '/a\\r\\nx: y', '/a#b', '/a?b', '/a\\\\b']) {
    const rewrite = `path: {type: ReplaceFullPath, replaceFullPath: "${path}"}`
    t.match(problems(filter(`{type: URLRewrite, urlRewrite: {${rewrite}}}`)), [/must be a path/], path)
  }
})

t.test('matches that no request could mean are refused', async (t) => {
  for (const path of ['a', '/a//b', '/a/../b', '/a/./b', '/a/..', '/a%2Fb', '/a#b', '/a b']) {
    const text = ROUTE.replace(
      '    - backendRefs',
      `    - matches: [{path: {value: '${path}'}}]\n      backendRefs`,
    )
    t.match(problems(text), [/path\.value: must be a path/], path)
  }
})

t.test('durations', async (t) => {
  const timeouts = (text: string) =>
    ROUTE.replace('    - backendRefs', `    - timeouts: ${text}\n      backendRefs`)
  t.strictSame(problems(timeouts('{request: 1m30s, backendRequest: 500ms}')), [])
  t.match(problems(timeouts('{request: 1.5s}')), [/must be a duration/])
  t.match(problems(timeouts('{request: 1s, backendRequest: 2s}')), [
    /must not be longer than timeouts.request/,
  ])
  t.strictSame(problems(timeouts('{request: 0s, backendRequest: 2s}')), [], '0s: no limit')
})

t.test('kinds that are none of the mesh are passed over, other versions of ours are told', async (t) => {
  t.strictSame(
    problems('apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {what: ever}\n'),
    [],
  )
  t.strictSame(
    problems('apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\nmetadata: {name: a}\n'),
    [
      'shop.yaml:1: apiVersion: there is no HTTPRoute of gateway.networking.k8s.io/v1alpha2; write apiVersion: gateway.networking.k8s.io/v1',
    ],
  )
})

t.test('JSON, lists and several documents', async (t) => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a' },
    spec: { ports: [{ port: 80 }] },
  }
  const json = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [service, service] }, undefined, '\t')
  const parsed = parseManifests('a.json', json)
  t.equal(parsed.objects.length, 1)
  t.match(parsed.errors.map(formatSourceError), [
    /^a.json:\d+: metadata.name: Service default\/a stands already at line/,
  ])
})

t.test('broken YAML names its line', async (t) => {
  t.match(problems('a: b\nc: [d\ne: f\n'), [/^shop.yaml:\d+: /])
})

t.test('whatever a file holds, reading it ends in objects and errors', async () => {
  const nested = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.boolean(),
      tie('list'),
      tie('map'),
    ),
    list: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.dictionary(
      fc.constantFrom(
        'metadata',
        'name',
        'spec',
        'rules',
        'matches',
        'path',
        'value',
        'filters',
        'type',
        'ports',
        '__proto__',
        'parentRefs',
      ),
      tie('value'),
      { maxKeys: 6 },
    ),
  }))
  const kinds = fc.constantFrom(
    ['v1', 'Service'],
    ['v1', 'Pod'],
    ['discovery.k8s.io/v1', 'EndpointSlice'],
    ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
    ['gateway.networking.k8s.io/v1', 'GRPCRoute'],
    ['weft.dev/v1alpha1', 'PeerAuthentication'],
  )
  fc.assert(
    fc.property(kinds, nested.value, nested.value, ([apiVersion, kind], metadata, spec) => {
      parseManifests('x', JSON.stringify({ apiVersion, kind, metadata, spec, endpoints: spec, ports: spec }))
    }),
    { numRuns: 400 },
  )
  fc.assert(
    fc.property(fc.string(), (text) => void parseManifests('x', text)),
    { numRuns: 300 },
  )
})
