import t from 'tap'
import { describeError, type WeftError } from '../errors.ts'
import { packAny, unpacked } from './any.ts'
import { readServed } from './check.ts'
import type { MessageType } from './codec.ts'
import { Cluster, HttpConnectionManager, Listener, Router, UpstreamHttpOptions } from './generated/envoy.js'

const ADDRESS = { socketAddress: { address: '127.0.0.1', portValue: 80 } }
const ADS = { ads: {}, resourceApiVersion: 'V3' } as const
const OPTIONS = UpstreamHttpOptions.typeName

function listener(manager: HttpConnectionManager, more: Listener = {}): Listener {
  const typedConfig = packAny(HttpConnectionManager, {
    statPrefix: 'a',
    rds: { configSource: ADS, routeConfigName: 'r' },
    httpFilters: [{ name: 'router', typedConfig: packAny(Router, {}) }],
    ...manager,
  })
  return { name: 'a', address: ADDRESS, filterChains: [{ filters: [{ name: 'hcm', typedConfig }] }], ...more }
}

function problemsOf<T>(type: MessageType<T>, message: T): string[] {
  const problems: WeftError[] = []
  readServed(packAny(type, message), type, 'ads', problems)
  return problems.map((problem) => describeError(problem))
}

const HCM = 'filter_chains[0].filters[0].typed_config'
const METADATA = 'metadata.filter_metadata'

const GOLDEN: readonly (readonly [title: string, problems: readonly string[], ...expected: string[]])[] = [
  ['what is served', problemsOf(Listener, listener({}))],
  [
    'a field of a message in an Any',
    problemsOf(Listener, listener({ stripAnyHostPort: true })),
    `${HCM}.strip_any_host_port: is not supported`,
  ],
  [
    'a field of a message in that',
    problemsOf(Listener, listener({ commonHttpProtocolOptions: { maxStreamDuration: 10 } })),
    `${HCM}.common_http_protocol_options.max_stream_duration: is not supported`,
  ],
  [
    'a default without presence says nothing',
    problemsOf(Listener, listener({ preserveExternalRequestId: false })),
  ],
  [
    'one with presence does',
    problemsOf(Listener, listener({ generateRequestId: false })),
    `${HCM}.generate_request_id: is not supported`,
  ],
  [
    'a type that is not read',
    problemsOf(Listener, listener({}, { apiListener: {} })),
    'api_listener: is not supported',
  ],
  [
    'a value that is not done',
    problemsOf(Listener, listener({ codecType: 'HTTP3' })),
    `${HCM}.codec_type: HTTP3 is not supported: use AUTO or HTTP1 or HTTP2`,
  ],
  [
    'another message in an Any',
    problemsOf(Cluster, { name: 'a', typedExtensionProtocolOptions: { [OPTIONS]: packAny(Router, {}) } }),
    `typed_extension_protocol_options[${OPTIONS}]: ${Router.typeName} is not supported: use type.googleapis.com/${OPTIONS}`,
  ],
  [
    'what is missing',
    problemsOf(Listener, { filterChains: [{}] }),
    'filter_chains[0].filters: is required',
    'name: is required',
    'address: is required',
  ],
  [
    'keys of maps',
    problemsOf(Cluster, {
      name: 'a',
      typedExtensionProtocolOptions: { x: packAny(UpstreamHttpOptions, {}) },
      metadata: { filterMetadata: { istio: {}, 'weft.dev': { servce: 'a.b' } } },
    }),
    `${METADATA}[istio]: is not supported: only weft.dev is`,
    `${METADATA}[weft.dev].servce: is not supported: only service, maxResponseHeadersKb, peakEwma, outlier, clientAffinityMs is`,
    `typed_extension_protocol_options[x]: is not supported: only ${OPTIONS} is`,
  ],
  [
    'bytes that are no message',
    problemsOf(Cluster, {
      name: 'a',
      typedExtensionProtocolOptions: {
        [OPTIONS]: { ...packAny(UpstreamHttpOptions, {}), value: Buffer.from([0xff]) },
      },
    }),
    `typed_extension_protocol_options[${OPTIONS}]: ${OPTIONS}: message is cut off`,
  ],
]

for (const [title, problems, ...expected] of GOLDEN) {
  t.test(title, async (t) => t.same(problems.toSorted(), expected.toSorted()))
}

t.test('what stands in an Any is read once, by its type', async (t) => {
  const any = packAny(Listener, listener({}))
  const message = readServed(any, Listener, 'ads', [])
  const config = message?.filterChains?.[0]?.filters?.[0]?.typedConfig
  t.match(unpacked(config, HttpConnectionManager), { statPrefix: 'a' })
  t.equal(unpacked(config, HttpConnectionManager), unpacked(config, HttpConnectionManager))
  t.equal(unpacked(config, Router), undefined, 'another type is not there')
  t.equal(unpacked(undefined, Router), undefined)
})
