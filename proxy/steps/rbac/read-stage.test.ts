import t from 'tap'
import type { Matcher, TextMatch } from '../../../core/authorization/rules.ts'
import type { Kind } from '../../../core/authorization/condition.ts'
import {
  UriTemplateMatchConfig,
  type Permission,
  type Principal,
  type RBAC,
} from '../../../core/xds/generated/envoy.js'
import { Scope } from '../../xds/scope.ts'
import { any } from '../../xds/testing/base-parts.ts'
import { readStage, type RbacRules } from './read-stage.ts'

const exact = (value: string): TextMatch => ({ type: 'exact', value, ignoreCase: false })

function read(message: RbacRules, kind: Kind = 'request') {
  const scope = new Scope('rbac')
  const stage = readStage(message, kind, scope)
  return { stage, problems: scope.problems.map(({ field, message: text }) => `${field}: ${text}`) }
}

function rules(permission: Permission, principal: Principal = { any: true }): RBAC {
  return { policies: { 'n/p/0': { permissions: [permission], principals: [principal] } } }
}

const template = (pathTemplate: string) => ({
  name: 'envoy.path.match.uri_template.uri_template_matcher',
  typedConfig: any(UriTemplateMatchConfig, { pathTemplate }),
})
const claim = {
  filter: 'envoy.filters.http.jwt_authn',
  path: [{ key: 'payload' }, { key: 'realm' }, { key: 'roles' }],
}

const PERMISSIONS: readonly (readonly [Permission, Matcher])[] = [
  [{ any: true }, { kind: 'any' }],
  [{ andRules: { rules: [{ any: true }] } }, { kind: 'and', of: [{ kind: 'any' }] }],
  [{ orRules: { rules: [{ any: true }] } }, { kind: 'or', of: [{ kind: 'any' }] }],
  [{ notRule: { any: true } }, { kind: 'not', of: { kind: 'any' } }],
  [{ header: { name: ':method', stringMatch: { exact: 'GET' } } }, { kind: 'method', match: exact('GET') }],
  [
    { header: { name: ':authority', stringMatch: { suffix: '.a', ignoreCase: true } } },
    { kind: 'host', match: { type: 'suffix', value: '.a', ignoreCase: true } },
  ],
  [{ header: { name: 'Host', stringMatch: { exact: 'a' } } }, { kind: 'host', match: exact('a') }],
  [{ header: { name: 'X-A', presentMatch: true } }, { kind: 'header', name: 'x-a', match: undefined }],
  [
    { header: { name: 'x-a', stringMatch: { contains: 'b' } } },
    { kind: 'header', name: 'x-a', match: { type: 'contains', value: 'b', ignoreCase: false } },
  ],
  [
    { urlPath: { path: { prefix: '/a' } } },
    { kind: 'path', match: { type: 'prefix', value: '/a', ignoreCase: false } },
  ],
  [{ uriTemplate: template('/a/*') }, { kind: 'path-template', template: '/a/*' }],
  [
    { destinationIp: { addressPrefix: '10.0.0.0', prefixLen: 8 } },
    { kind: 'destination-ip', prefix: '10.0.0.0', bits: 8 },
  ],
  [{ destinationPort: 80 }, { kind: 'port', start: 80, end: 81 }],
  [{ destinationPortRange: { start: 80, end: 90 } }, { kind: 'port', start: 80, end: 90 }],
  [{ requestedServerName: { exact: 'db' } }, { kind: 'sni', match: exact('db') }],
  [
    { metadata: { ...claim, value: { stringMatch: { exact: 'a' } } } },
    { kind: 'claim', path: ['realm', 'roles'], match: exact('a'), inList: false },
  ],
  [
    {
      metadata: {
        ...claim,
        value: { listMatch: { oneOf: { stringMatch: { safeRegex: { regex: '.+' } } } } },
      },
    },
    {
      kind: 'claim',
      path: ['realm', 'roles'],
      match: { type: 'regex', value: '.+', ignoreCase: false },
      inList: true,
    },
  ],
]
const PRINCIPALS: readonly (readonly [Principal, Matcher])[] = [
  [{ authenticated: {} }, { kind: 'identity', match: undefined }],
  [
    { authenticated: { principalName: { exact: 'spiffe://a/b' } } },
    { kind: 'identity', match: exact('spiffe://a/b') },
  ],
  [
    { directRemoteIp: { addressPrefix: '::1', prefixLen: 128 } },
    { kind: 'source-ip', prefix: '::1', bits: 128 },
  ],
  [{ andIds: { ids: [{ any: true }] } }, { kind: 'and', of: [{ kind: 'any' }] }],
  [
    { orIds: { ids: [{ notId: { any: true } }] } },
    { kind: 'or', of: [{ kind: 'not', of: { kind: 'any' } }] },
  ],
  [{ urlPath: { path: { exact: '/' } } }, { kind: 'path', match: exact('/') }],
]

t.test('what is taken of Envoy becomes a matcher', async (t) => {
  for (const [permission, matcher] of PERMISSIONS) {
    const { stage, problems } = read({ rules: rules(permission) })
    t.same(problems, [])
    t.same(stage.enforced?.[0]?.permissions, [matcher])
  }
  for (const [principal, matcher] of PRINCIPALS) {
    const { stage, problems } = read({ shadowRules: rules({ any: true }, principal) })
    t.same(problems, [])
    t.same([stage.enforced, stage.shadow?.[0]?.principals], [undefined, [matcher]])
  }
})

t.test('an action by its name, ALLOW where none is said; an empty one is kept', async (t) => {
  t.same(read({ rules: {} }).stage, { action: 'ALLOW', enforced: [], shadow: undefined })
  t.same(read({ rules: { action: 'DENY' } }).stage.action, 'DENY')
  t.same(read({ shadowRules: { action: 'LOG' } }).stage, { action: 'AUDIT', enforced: undefined, shadow: [] })
  t.same(read({}).problems, ['rbac: needs rules or shadow_rules'])
  t.same(read({ rules: { action: 'DENY' }, shadowRules: {} }).problems, [
    'rbac.shadow_rules.action: must be that of the rules',
  ])
})

const AT = 'rbac.rules.policies[n/p/0]'
const REFUSED: readonly (readonly [Permission, string])[] = [
  [{}, 'permissions[0]: needs a rule: { any: true } matches everything'],
  [
    { andRules: { rules: [{}] } },
    'permissions[0].and_rules.rules[0]: needs a rule: { any: true } matches everything',
  ],
  [{ header: { name: 'a' } }, 'permissions[0].header: needs string_match, or present_match: true'],
  [
    { header: { name: ':path', stringMatch: { exact: '/' } } },
    'permissions[0].header.name: :path is not supported: use :method, :authority, url_path, or the name of a field',
  ],
  [
    { header: { name: 'a', stringMatch: {} } },
    'permissions[0].header.string_match: needs exact, prefix, suffix, contains or safe_regex',
  ],
  [{ urlPath: { path: { prefix: '' } } }, 'permissions[0].url_path.path.prefix: must not be empty'],
  [
    { urlPath: { path: { safeRegex: { regex: '(' } } } },
    'permissions[0].url_path.path.safe_regex.regex: is no regular expression of RE2: missing closing ): (',
  ],
  [
    { uriTemplate: template('/**/*') },
    'permissions[0].uri_template.typed_config.path_template: must have no {*} or {**} behind {**}',
  ],
  [{ destinationPort: 70_000 }, 'permissions[0].destination_port: must be below 65536'],
  [
    { destinationPortRange: { start: 9, end: 9 } },
    'permissions[0].destination_port_range: must have a start from 0 on, and an end above it, 65536 at the most',
  ],
  [
    { destinationIp: { addressPrefix: 'pod' } },
    'permissions[0].destination_ip.address_prefix: "pod" is no IP address',
  ],
  [
    { destinationIp: { addressPrefix: '10.0.0.0', prefixLen: 33 } },
    "permissions[0].destination_ip.prefix_len: an address of 10.0.0.0's kind does not have 33 bits",
  ],
  [
    { metadata: { ...claim, path: [{ key: 'sub' }], value: { stringMatch: { exact: 'a' } } } },
    'permissions[0].metadata.path: must be payload, and below it the name of a claim',
  ],
  [{ metadata: { ...claim, value: {} } }, 'permissions[0].metadata.value: needs string_match or list_match'],
]

t.test('what can be no matcher is refused by its path', async (t) => {
  for (const [permission, problem] of REFUSED)
    t.same(read({ rules: rules(permission) }).problems, [`${AT}.${problem}`])
  t.same(read({ rules: rules({ any: true }, {}) }).problems, [
    `${AT}.principals[0]: needs an identifier: { any: true } matches everybody`,
  ])
})

t.test(
  'a connection has nothing of a request: a rule that asks for it is refused, not left out',
  async (t) => {
    for (const [permission, { kind }] of PERMISSIONS) {
      const { problems } = read({ rules: rules(permission) }, 'connection')
      const ofRequest = ['method', 'host', 'header', 'path', 'path-template', 'claim'].includes(kind)
      t.equal(problems.length, ofRequest ? 1 : 0, JSON.stringify(permission))
      if (ofRequest) t.match(problems[0], `${AT}.permissions[0]`)
    }
  },
)
