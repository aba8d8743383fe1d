import t from 'tap'
import { HTTP_FILTERS as SERVED_FILTERS } from '../../core/xds/served/http-filters.ts'
import { parse } from 'yaml'
import { readBootstrap, type ProxyBootstrap } from './bootstrap.ts'
import { createStaticConfiguration } from './configuration.ts'
import { changed, MINIMAL } from './testing/minimal.ts'

const HTTP_FILTERS = Object.keys(SERVED_FILTERS.types)
  .map((name) => `type.googleapis.com/${name}`)
  .join(' or ')
const HCM = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config'
const ROUTE = `${HCM}.route_config.virtual_hosts[0].routes[0]`
const CLUSTER = 'static_resources.clusters[0]'

function problemsOf(text: string): string[] {
  const result = readBootstrap(text, { fileName: 'p.yaml' })
  return result.ok ? [] : result.problems
}

function good(text: string): ProxyBootstrap {
  const result = readBootstrap(text, { fileName: 'p.yaml' })
  if (!result.ok) throw new Error(result.problems.join('\n'))
  return result.bootstrap
}

t.test('a whole file becomes the model', async (t) => {
  const bootstrap = good(MINIMAL)
  t.match(bootstrap, {
    node: { id: '', cluster: '', metadata: {} },
    admin: { host: '127.0.0.1', port: 15000 },
    static: {
      listeners: [
        {
          name: 'front',
          address: { host: '127.0.0.1', port: 8080 },
          filterChains: [{ network: { kind: 'http', route: { kind: 'inline' } } }],
        },
      ],
      clusters: [
        {
          name: 'app',
          connectTimeoutMs: 250,
          balancing: { policy: { kind: 'least-request' } },
          discovery: { kind: 'static', endpoints: [{ address: '127.0.0.1', port: 9000 }] },
        },
      ],
    },
  })
  t.equal(bootstrap.dynamic, undefined)
  t.ok(Object.isFrozen(bootstrap.static.listeners[0]?.filterChains[0]?.network), 'all of it is frozen')
})

t.test('JSON, and the other spelling of every field, say the same', async (t) => {
  const json = JSON.stringify(parse(MINIMAL), undefined, '\t')
  const camel = json.replaceAll(/"([a-z]+(?:_[a-z]+)+)":/g, (whole) =>
    whole.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  )
  t.match(camel, 'staticResources')
  t.same(good(json), good(MINIMAL))
  t.same(good(camel), good(MINIMAL))
})

t.test('the static configuration holds what the file holds, and knows that there is no more', async (t) => {
  const configuration = createStaticConfiguration(good(MINIMAL))
  t.same([...configuration.listeners.value.keys()], ['front'])
  t.equal(configuration.listener('front').value?.name, 'front')
  t.equal(configuration.listener('other').value, null)
  t.equal(configuration.cluster('app').value?.name, 'app')
  t.equal(configuration.cluster('app'), configuration.cluster('app'), 'one watchable a name')
  t.equal(configuration.cluster('other').value, null)
  t.equal(configuration.route('any').value, null)
  t.equal(configuration.endpoints('any').value, null)
})

const GOLDEN: readonly (readonly [title: string, text: string, ...problems: string[]])[] = [
  [
    'an unknown field',
    changed('timeout: 2s', 'timeot: 2s'),
    `p.yaml:19:50: ${ROUTE}.route.timeot: is no field of envoy.config.route.v3.RouteAction: did you mean timeout?`,
  ],
  [
    'a field of Envoy that is not supported',
    changed('timeout: 2s', 'internal_redirect_policy: {}'),
    `p.yaml:19:50: ${ROUTE}.route.internal_redirect_policy: is not supported: remove it`,
  ],
  [
    'a wrong type',
    changed('stat_prefix: front', 'stat_prefix: 5'),
    `p.yaml:12:17: ${HCM}.stat_prefix: must be a string: write it in quotes`,
  ],
  [
    'a number that is none',
    changed('port_value: 9000', 'port_value: http'),
    `p.yaml:32:78: ${CLUSTER}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value: must be a whole number from 0 to 4294967295`,
  ],
  [
    'a port that is none',
    changed('port_value: 8080', 'port_value: 80800'),
    'p.yaml:6:56: static_resources.listeners[0].address.socket_address.port_value: must be a port from 0 to 65535',
  ],
  [
    'a list that is none',
    changed("domains: ['*']", "domains: '*'"),
    `p.yaml:16:23: ${HCM}.route_config.virtual_hosts[0].domains: must be a list`,
  ],
  [
    'a duration without its unit',
    changed('timeout: 2s', 'timeout: 2'),
    `p.yaml:19:50: ${ROUTE}.route.timeout: must be a duration in seconds such as 0.25s or 30s`,
  ],
  [
    'a duration in another unit',
    changed('connect_timeout: 0.25s', 'connect_timeout: 250ms'),
    `p.yaml:26:7: ${CLUSTER}.connect_timeout: must be a duration in seconds such as 0.25s or 30s`,
  ],
  [
    'a value of an enumeration that Weft does not do',
    changed('LEAST_REQUEST', 'LOAD_BALANCING_POLICY_CONFIG'),
    `p.yaml:27:7: ${CLUSTER}.lb_policy: LOAD_BALANCING_POLICY_CONFIG is not supported: use ROUND_ROBIN or LEAST_REQUEST or RANDOM or RING_HASH or MAGLEV or CLUSTER_PROVIDED`,
  ],
  [
    'no value of an enumeration',
    changed('LEAST_REQUEST', 'FASTEST'),
    `p.yaml:27:7: ${CLUSTER}.lb_policy: must be one of ROUND_ROBIN, LEAST_REQUEST, RING_HASH, RANDOM, MAGLEV, CLUSTER_PROVIDED, LOAD_BALANCING_POLICY_CONFIG`,
  ],
  [
    'two of what excludes one another',
    changed('match: { prefix: / }', 'match: { prefix: /, path: /a }'),
    `p.yaml:18:47: ${ROUTE}.match.path: excludes prefix: keep one`,
  ],
  [
    'a field that is needed',
    changed('                stat_prefix: front\n', ''),
    `p.yaml:10:15: ${HCM}.stat_prefix: is required`,
  ],
  [
    'a filter that is not known',
    changed('.router.v3.Router', '.lua.v3.Lua'),
    `p.yaml:23:23: ${HCM}.http_filters[0].typed_config.@type: must be ${HTTP_FILTERS}`,
  ],
  [
    'a cluster that is not there',
    changed('cluster: app,', 'cluster: shop,'),
    `p.yaml:19:36: ${ROUTE}.route.cluster: there is no cluster "shop" in static_resources: add it or correct the name`,
  ],
  [
    'a weighted cluster that is not there',
    changed(
      'cluster: app,',
      'weighted_clusters: { clusters: [{ name: app, weight: 1 }, { name: x, weight: 1 }] },',
    ),
    `p.yaml:19:96: ${ROUTE}.route.weighted_clusters.clusters[1].name: there is no cluster "x" in static_resources: add it or correct the name`,
  ],
  [
    'a name that occurs twice',
    changed('  clusters:\n', '  clusters:\n    - { name: app, load_assignment: { cluster_name: app } }\n'),
    'p.yaml:26:7: static_resources.clusters[1].name: "app" is the name of another one: rename one',
  ],
  [
    'a host name where addresses belong',
    changed('address: 127.0.0.1, port_value: 9000', 'address: localhost, port_value: 9000'),
    `p.yaml:28:7: ${CLUSTER}.load_assignment: localhost is no IP address: use one, or type STRICT_DNS`,
  ],
  [
    'endpoints of a server that is not there',
    changed(
      MINIMAL.slice(MINIMAL.indexOf('      lb_policy: LEAST_REQUEST')),
      '      type: EDS\n      eds_cluster_config: { eds_config: { ads: {}, resource_api_version: V3 } }\n',
    ),
    `p.yaml:27:7: ${CLUSTER}.type: EDS asks a server for endpoints and there are no dynamic_resources: use STATIC or STRICT_DNS`,
  ],
  [
    'endpoints that nobody would look at',
    changed('lb_policy: LEAST_REQUEST', 'type: ORIGINAL_DST'),
    `p.yaml:28:7: ${CLUSTER}.load_assignment: belongs to type STATIC or STRICT_DNS`,
  ],
  [
    'metadata that nobody reads',
    changed('lb_policy: LEAST_REQUEST', 'metadata: { filter_metadata: { weft.dev: { servce: a.b } } }'),
    `p.yaml:27:38: ${CLUSTER}.metadata.filter_metadata[weft.dev]: has the key servce: only service, maxResponseHeadersKb, peakEwma, outlier, clientAffinityMs is supported`,
  ],
  [
    'what the decoders of xDS refuse',
    changed('match: { prefix: / }', 'match: { safe_regex: { regex: "(" } }'),
    `p.yaml:18:50: ${ROUTE}.match.safe_regex.regex: is no regular expression of RE2: missing closing ): (`,
  ],
  ['a key that occurs twice', 'node: { id: a }\nnode: {}\n', 'p.yaml:2:1: node: is given twice: keep one'],
  [
    'both spellings of one field',
    'static_resources: {}\nstaticResources: {}\n',
    'p.yaml:2:1: static_resources: is given twice: keep one',
  ],
  ['a key that is no text', '{ [1]: 2 }', 'p.yaml:1:3: has a key that is no text'],
  [
    'two mistakes, in the order of the file',
    'admin: {}\nnode: { id: 1 }\n',
    'p.yaml:1:1: admin.address: is required',
    'p.yaml:2:9: node.id: must be a string: write it in quotes',
  ],
  ['no resources', 'node: { id: a }\n', 'p.yaml:1:1: needs static_resources or dynamic_resources'],
  ['an empty file', '', 'p.yaml:1:1: is empty: needs at least static_resources or dynamic_resources'],
  [
    'a comment alone',
    '# later\n',
    'p.yaml:1:1: is empty: needs at least static_resources or dynamic_resources',
  ],
  ['no mapping', '- a\n', 'p.yaml:1:1: must be a mapping of fields'],
  [
    'a mistake of YAML',
    'node:\n  id: [a\nadmin: {}\n',
    'p.yaml:3:1: Flow sequence in block collection must be sufficiently indented and end with a ]: correct the syntax',
  ],
  ['a second document', 'node: {}\n---\nnode: {}\n', 'p.yaml:2:1: a second document begins: keep one'],
  ['a tag', 'node: !ruby {}\n', 'p.yaml:1:7: Unresolved tag: !ruby: correct the syntax'],
  ['an alias of nothing', 'node: *x\n', 'p.yaml:1:7: *x stands for nothing: no &x before it'],
  [
    'a merge key',
    'node: { <<: { id: a } }\n',
    'p.yaml:1:9: node.<<: is no field of envoy.config.core.v3.Node: remove it',
  ],
  ['nesting without end', '['.repeat(20_000), 'p.yaml:1:1: is nested too deeply to be a bootstrap file'],
  [
    'a huge file',
    `# ${'x'.repeat(1024 * 1024)}`,
    'p.yaml:1:1: holds 1048578 characters, more than the 1048576 of a bootstrap file',
  ],
]

for (const [title, text, ...problems] of GOLDEN) {
  t.test(title, async (t) => t.same(problemsOf(text), problems))
}

t.test('aliases are followed', async (t) => {
  const text = changed('{ prefix: / }', '&all { prefix: / }').replace(
    '                http_filters',
    '                        - match: *all\n                          direct_response: { status: 404 }\n                http_filters',
  )
  const [listener] = good(text).static.listeners
  const network = listener?.filterChains[0]?.network
  const routes =
    network?.kind === 'http' && network.route.kind === 'inline'
      ? network.route.config.virtualHosts[0]?.routes.map(({ match }) => match.path)
      : []
  const root = { kind: 'prefix', value: '/' }
  t.match(routes, [root, root])
  t.equal(routes?.length, 2)
})

t.test('an alias bomb is refused before it is large', async (t) => {
  const levels = Array.from({ length: 12 }, (_, i) => `    a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`)
  const text = `node:\n  metadata:\n    a0: &a0 [1]\n${levels.join('\n')}\n`
  const expected = 'p.yaml:1:1: holds more than 200000 values once its aliases are followed: write fewer'
  t.same(problemsOf(text), [expected])
})

t.test('a tree that holds itself ends', async (t) => {
  const [problem, ...others] = problemsOf('node:\n  metadata: &m\n    x: *m\n')
  t.match(problem, /^p\.yaml:2:3: node\.metadata(\.x)+: is nested more than 60 levels deep$/)
  t.same(others, [])
})

t.test('of many problems the first are told', async (t) => {
  const problems = problemsOf(Array.from({ length: 80 }, (_, i) => `k${i}: 1`).join('\n'))
  t.equal(problems.length, 51)
  t.match(problems[0], /^p\.yaml:1:1: k0: is no field/)
  t.equal(problems[50], 'p.yaml: and 30 more problems')
})
