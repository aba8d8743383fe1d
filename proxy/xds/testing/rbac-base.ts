import {
  HttpRbac,
  NetworkRbac,
  UriTemplateMatchConfig,
  type HeaderMatcher,
  type MetadataMatcher,
  type Permission,
  type Principal,
  type RBAC,
  type StringMatcher,
} from '../../../core/xds/generated/envoy.js'
import { any } from './base-parts.ts'

const TEXTS: readonly StringMatcher[] = [
  { exact: 'a', ignoreCase: true },
  { prefix: 'a' },
  { suffix: 'a' },
  { contains: 'a' },
  { safeRegex: { regex: 'a+' } },
]
const headers: readonly HeaderMatcher[] = [
  ...TEXTS.map((stringMatch) => ({ name: 'x-a', stringMatch })),
  { name: 'x-b', presentMatch: true },
]
const claim = (value: MetadataMatcher['value']): MetadataMatcher => ({
  filter: 'envoy.filters.http.jwt_authn',
  path: [{ key: 'payload' }, { key: 'groups' }],
  value,
})
const claims: readonly MetadataMatcher[] = TEXTS.flatMap((stringMatch) => [
  claim({ stringMatch }),
  claim({ listMatch: { oneOf: { stringMatch } } }),
])
const paths = TEXTS.map((path) => ({ path }))
const block = { addressPrefix: '10.0.0.0', prefixLen: 8 }

const OF_CONNECTIONS: readonly Permission[] = [
  { any: true },
  { destinationIp: block },
  { destinationPort: 80 },
  { destinationPortRange: { start: 1, end: 9 } },
  ...TEXTS.map((requestedServerName) => ({ requestedServerName })),
]
const OF_REQUESTS: readonly Permission[] = [
  ...headers.map((header) => ({ header })),
  ...paths.map((urlPath) => ({ urlPath })),
  ...claims.map((metadata) => ({ metadata })),
  {
    uriTemplate: {
      name: 'envoy.path.match.uri_template.uri_template_matcher',
      typedConfig: any(UriTemplateMatchConfig, { pathTemplate: '/a/*' }),
    },
  },
]
const PEERS: readonly Principal[] = [
  { any: true },
  { directRemoteIp: block },
  { authenticated: {} },
  ...TEXTS.map((principalName) => ({ authenticated: { principalName } })),
]
const CALLERS: readonly Principal[] = [
  ...headers.map((header) => ({ header })),
  ...paths.map((urlPath) => ({ urlPath })),
  ...claims.map((metadata) => ({ metadata })),
]

function rulesOf(permissions: readonly Permission[], principals: readonly Principal[]): RBAC {
  return {
    action: 'DENY',
    policies: {
      'shop/policy/0': {
        permissions: [
          { andRules: { rules: permissions } },
          { orRules: { rules: [{ any: true }] } },
          { notRule: { any: true } },
        ],
        principals: [
          { andIds: { ids: principals } },
          { orIds: { ids: [{ any: true }] } },
          { notId: { any: true } },
        ],
      },
    },
  }
}

export const HTTP_RBAC_FILTER = {
  name: 'rbac',
  typedConfig: any(HttpRbac, {
    rules: rulesOf([...OF_CONNECTIONS, ...OF_REQUESTS], [...PEERS, ...CALLERS]),
    shadowRules: rulesOf([{ any: true }], [{ any: true }]),
  }),
}
export const NETWORK_RBAC_FILTER = {
  name: 'rbac',
  typedConfig: any(NetworkRbac, {
    statPrefix: 'weft',
    rules: rulesOf(OF_CONNECTIONS, PEERS),
    shadowRules: rulesOf([{ any: true }], [{ any: true }]),
  }),
}
