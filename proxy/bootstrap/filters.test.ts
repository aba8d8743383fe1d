import t from 'tap'
import type { FilterChain } from '../model/listener.ts'
import { readBootstrap } from './bootstrap.ts'
import { changed } from './testing/minimal.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.filters'
const HTTP_FILTERS = '                http_filters:\n'
const ROUTER = `{ name: r, typed_config: { '@type': ${TYPE}.http.router.v3.Router } }`

function http(...filters: readonly string[]): string {
  const lines = filters.map((filter) => `                  - ${filter}\n`)
  return changed(HTTP_FILTERS, HTTP_FILTERS + lines.join(''))
}

function fault(fields: string): string {
  return `{ name: fault, typed_config: { '@type': ${TYPE}.http.fault.v3.HTTPFault, ${fields} } }`
}

function limit(fields: string): string {
  const type = `${TYPE}.http.local_ratelimit.v3.LocalRateLimit`
  return `{ name: limit, typed_config: { '@type': ${type}, stat_prefix: l, ${fields} } }`
}

function chain(text: string): FilterChain {
  const result = readBootstrap(text, { fileName: 'p.yaml' })
  if (!result.ok) throw new Error(result.problems.join('\n'))
  return result.bootstrap.static.listeners[0]?.filterChains[0] as FilterChain
}

function problems(text: string): string[] {
  const result = readBootstrap(text, { fileName: 'p.yaml' })
  return result.ok
    ? []
    : result.problems.map((line) => line.replace(/^p\.yaml:\d+:\d+: .*typed_config\./, ''))
}

const HALF = '{ default_value: { numerator: 50 } }'
const LIMIT = `token_bucket: { max_tokens: 5, fill_interval: 1s }, filter_enabled: ${HALF}, filter_enforced: ${HALF}`

t.test('HTTP filters are read in their order, without the router', async (t) => {
  const delay = 'delay: { fixed_delay: 0.25s, percentage: { numerator: 5, denominator: TEN_THOUSAND } }'
  const abort = 'abort: { http_status: 418, percentage: { numerator: 100 } }, max_active_faults: 3'
  const headers = "headers: [{ name: X-User, exact_match: 'beta' }]"
  const { network } = chain(http(limit(LIMIT), fault(`${delay}, ${abort}, ${headers}`)))
  t.match(network, {
    filters: [
      {
        name: 'limit',
        kind: 'envoy.filters.http.local_ratelimit',
        config: {
          bucket: { maxTokens: 5, tokensPerFill: 1, fillIntervalMs: 1000 },
          status: 429,
          enabledPercent: 50,
          enforcedPercent: 50,
        },
      },
      {
        name: 'fault',
        kind: 'envoy.filters.http.fault',
        config: {
          delay: { ms: 250, percent: 0.05 },
          abort: { status: 418, percent: 100 },
          headers: [{ name: 'x-user', kind: 'exact', value: 'beta' }],
          maxActive: 3,
        },
      },
    ],
    router: 'router',
  })
})

t.test('a status below 400 is no answer to who is limited', async (t) => {
  const { network } = chain(http(limit(`${LIMIT}, status: { code: OK }`)))
  t.match(network, { filters: [{ config: { status: 429 } }] })
})

t.test('a route has settings of its own for a filter', async (t) => {
  const own = `{ '@type': ${TYPE}.http.fault.v3.HTTPFault, abort: { grpc_status: 8, percentage: { numerator: 1 } } }`
  const text = http(fault('')).replace(
    '- match: { prefix: / }\n',
    `- match: { prefix: / }\n                          typed_per_filter_config: { fault: ${own} }\n`,
  )
  const { network } = chain(text)
  const route = network.kind === 'http' && network.route.kind === 'inline' ? network.route.config : undefined
  t.match(route?.virtualHosts[0]?.routes[0]?.filterConfigs?.['fault'], {
    config: { abort: { status: 429, grpcStatus: 8, percent: 1 } },
  })
  const mistaken = http(fault('').replace('name: fault', 'name: other'), limit(LIMIT)).replace(
    '- match: { prefix: / }\n',
    `- match: { prefix: / }\n                          typed_per_filter_config: { limit: ${own} }\n`,
  )
  t.same(problems(mistaken), [
    'route_config.virtual_hosts[0].routes[0].typed_per_filter_config[limit]: ' +
      'is for envoy.filters.http.fault, but the filter of this name is envoy.filters.http.local_ratelimit',
  ])
})

t.test('a connection limit stands before what takes the connection', async (t) => {
  const type = `${TYPE}.network.connection_limit.v3.ConnectionLimit`
  const filter = (fields: string) =>
    `            - { name: c, typed_config: { '@type': ${type}, stat_prefix: c, ${fields} } }`
  const of = (fields: string) => changed('        - filters:\n', `        - filters:\n${filter(fields)}\n`)
  t.match(chain(of('max_connections: 7, delay: 1.5s')), {
    filters: [
      {
        name: 'c',
        kind: 'envoy.filters.network.connection_limit',
        config: { maxConnections: 7, delayMs: 1500 },
      },
    ],
    network: { kind: 'http', name: 'hcm' },
  })
  t.same(problems(of('max_connections: 0')), ['max_connections: must be at least 1'])
})

const WRONG: readonly (readonly [title: string, text: string, ...problems: string[]])[] = [
  [
    'a router in the middle',
    http(ROUTER),
    'http_filters[0]: the router must be the last filter, and there only once',
  ],
  [
    'no router',
    changed('.router.v3.Router', '.fault.v3.HTTPFault'),
    'http_filters[0]: must be the router: it ends the list',
  ],
  [
    'two filters of one name',
    http(limit(LIMIT), limit(LIMIT)),
    'http_filters[1].name: "limit" is the name of another filter',
  ],
  [
    'a delay of nothing',
    http(fault('delay: { fixed_delay: 0s, percentage: {} }')),
    'delay.fixed_delay: must be above 0, and 1 h at the most',
  ],
  ['a share that is not said', http(fault('delay: { fixed_delay: 1s }')), 'delay.percentage: is required'],
  [
    'an abort without a status',
    http(fault('abort: { percentage: {} }')),
    'abort: needs http_status, grpc_status or header_abort',
  ],
  [
    'a status that is none',
    http(fault('abort: { http_status: 600, percentage: {} }')),
    'abort.http_status: must be from 200 to 599',
  ],
  [
    'a limit that counts nobody',
    http(limit('token_bucket: { max_tokens: 5, fill_interval: 1s }')),
    'filter_enabled: is required',
    'filter_enforced: is required',
  ],
  [
    'a bucket without an end',
    http(limit(LIMIT.replace('1s', '0.01s').replace('max_tokens: 5', 'max_tokens: 5, tokens_per_fill: 0'))),
    'token_bucket.tokens_per_fill: must be at least 1',
    'token_bucket.fill_interval: must be at least 50 ms',
  ],
]
for (const [title, text, ...expected] of WRONG) t.test(title, async (t) => t.same(problems(text), expected))
