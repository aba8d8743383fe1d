import fc from 'fast-check'
import { callOf, type Asked, type Call } from './scene.ts'
import type {
  PolicySpec,
  WrittenCondition,
  WrittenMeshPolicy,
  WrittenOperation,
  WrittenPolicy,
  WrittenRule,
  WrittenSource,
} from './written.ts'
import { meshPolicy } from './written.ts'

// Random policies and calls out of a few words that are near each other, so that most rules match some calls and miss others
// by little.

export interface RandomScene {
  readonly objects: readonly (WrittenPolicy | WrittenMeshPolicy)[]
  readonly calls: readonly Call[]
}

const PRINCIPALS = [
  'cluster.local/ns/shop/sa/web',
  'spiffe://cluster.local/ns/shop/sa/web.v1',
  'cluster.local/ns/shop/*',
  'cluster.local/ns/shop*',
  'partner.example/*',
  '*/sa/web',
  '*',
]
const NAMESPACES = ['shop', 'shop*', 'shop-*', 'payments']
const ACCOUNTS = ['shop/web', 'shop/web.v1', 'pay', 'web', 'shop-2/web']
const BLOCKS = ['10.2.0.0/16', '10.2.0.7', '10.0.0.0/8', '0.0.0.0/0', 'fd00:2::/64', '::/0', '10.2.1.0/25']
const DOMAINS = ['cluster.local', 'partner.example']
const USERS = ['https://a.example/*', 'https://a.example/ann', '*/ann', '*']
const PATHS = ['/a', '/a/*', '/a*', '*/b', '*.b', '/a/{*}', '/a/{*}/b', '/a/{**}', '/{*}/b/{**}', '*', '/']
const HOSTS = ['pay.payments', '*.payments', 'pay.*', 'pay.payments:80', 'PAY.payments', '*']
const SNIS = ['db.payments', '*.payments', 'db.*', '*']
const GRPC = [{ service: 'a.B', method: 'C' }, { service: 'a.B' }, { service: 'a' }]
const VALUES = ['1', '1*', '*1', '*', '1,2', '2']
const NUMBERS = [8080, 9000, 5432, 8443, 7000]
const METHODS = ['GET', 'POST', 'GETS']

const CALLERS = [
  '',
  'shop/web',
  'shop/web.v1',
  'shop/web-v1',
  'shop-2/web',
  'shopping/web',
  'payments/pay',
  'payments/web',
  'payments/ledger',
  'spiffe://partner.example/ns/shop/sa/web',
]

/** One in `every` has it. */
const seldom = <T>(every: number, made: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ arbitrary: made, weight: 1 }, { arbitrary: fc.constant(undefined), weight: every - 1 })
const some = <T>(values: readonly T[]): fc.Arbitrary<readonly T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 })

/** Without what is undefined. */
function written<T extends object>(fields: { readonly [K in keyof T]: fc.Arbitrary<T[K] | undefined> }) {
  return fc
    .record<Record<string, unknown>>(fields as Record<string, fc.Arbitrary<unknown>>)
    .map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)) as T)
}

function both<T>(values: readonly T[], every = 6) {
  return [seldom(every, some(values)), seldom(every * 2, some(values))] as const
}

function sourceOf(): fc.Arbitrary<WrittenSource> {
  const [principals, notPrincipals] = both(PRINCIPALS)
  const [namespaces, notNamespaces] = both(NAMESPACES)
  const [serviceAccounts, notServiceAccounts] = both(ACCOUNTS)
  const [ipBlocks, notIpBlocks] = both(BLOCKS)
  const [trustDomains, notTrustDomains] = both(DOMAINS, 12)
  const [requestPrincipals, notRequestPrincipals] = both(USERS, 12)
  return written<WrittenSource>({
    principals,
    notPrincipals,
    namespaces,
    notNamespaces,
    serviceAccounts,
    notServiceAccounts,
    ipBlocks,
    notIpBlocks,
    trustDomains,
    notTrustDomains,
    requestPrincipals,
    notRequestPrincipals,
  }).filter((source) => Object.keys(source).length > 0)
}

function operationOf(): fc.Arbitrary<WrittenOperation> {
  const [ports, notPorts] = both(NUMBERS, 8)
  const [methods, notMethods] = both(['GET', 'POST'])
  const [paths, notPaths] = both(PATHS, 4)
  const [hosts, notHosts] = both(HOSTS, 8)
  const [grpc, notGrpc] = both(GRPC, 8)
  const [snis, notSnis] = both(SNIS, 12)
  return written<WrittenOperation>({
    ports,
    notPorts,
    methods,
    notMethods,
    paths,
    notPaths,
    hosts,
    notHosts,
    grpc,
    notGrpc,
    snis,
    notSnis,
  }).filter((operation) => Object.keys(operation).length > 0)
}

const KEYS: readonly (readonly [key: string, values: readonly string[]])[] = [
  ['request.headers[x-a]', VALUES],
  ['request.headers[X-B]', VALUES],
  ['request.auth.claims[groups]', VALUES],
  ['request.auth.claims[realm][roles]', VALUES],
  ['request.auth.principal', USERS],
  ['request.auth.audiences', VALUES],
  ['request.auth.presenter', VALUES],
  ['source.ip', BLOCKS],
  ['destination.port', NUMBERS.map(String)],
  ['connection.sni', SNIS],
]
const condition = fc
  .constantFrom(...KEYS)
  .chain(([key, values]) =>
    written<WrittenCondition>({
      key: fc.constant(key),
      values: seldom(1, some(values)),
      notValues: seldom(3, some(values)),
    }),
  )
  .filter(({ values, notValues }) => values !== undefined || notValues !== undefined)

const rule = written<WrittenRule>({
  from: seldom(
    2,
    fc.array(
      sourceOf().map((source) => ({ source })),
      { minLength: 1, maxLength: 2 },
    ),
  ),
  to: seldom(
    2,
    fc.array(
      operationOf().map((operation) => ({ operation })),
      { minLength: 1, maxLength: 2 },
    ),
  ),
  when: seldom(5, fc.array(condition, { minLength: 1, maxLength: 2 })),
})

const TARGETS: readonly Pick<PolicySpec, 'selector' | 'targetRefs'>[] = [
  {},
  {},
  { selector: { matchLabels: { app: 'pay' } } },
  { selector: { matchLabels: { app: 'ledger' } } },
  { targetRefs: [{ group: '', kind: 'Namespace', name: 'payments' }] },
  { targetRefs: [{ group: '', kind: 'Service', name: 'pay-web' }] },
  { targetRefs: [{ group: '', kind: 'Service', name: 'pay' }] },
]

const policy = fc
  .record({
    place: fc.constantFrom('payments', 'payments', 'payments', 'weft-system', 'shop'),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    target: fc.constantFrom(...TARGETS),
    action: fc.constantFrom('ALLOW', 'ALLOW', 'DENY', 'AUDIT', undefined),
    mode: fc.constantFrom('DryRun', 'Enforce', undefined, undefined, undefined),
    appliesToSelf: fc.constantFrom(true, false, undefined),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
    closes: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ place, name, target, action, mode, appliesToSelf, rules, closes }): WrittenPolicy => ({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { namespace: place, name },
    spec: {
      // Targets are of the policy's own namespace.
      ...(place === 'payments' ? target : {}),
      ...(action && { action }),
      ...(mode && { mode }),
      ...(appliesToSelf !== undefined && { appliesToSelf }),
      ...(closes === 1 && (action ?? 'ALLOW') === 'ALLOW' ? {} : { rules }),
    },
  }))

const DEFAULTS = ['Allow', 'SameNamespace', 'Deny'] as const
const settings = fc
  .record({
    standard: fc.constantFrom(...DEFAULTS),
    exception: fc.constantFrom(...DEFAULTS, undefined),
    trial: fc.constantFrom(true, false, false, false),
  })
  .map(({ standard, exception, trial }) =>
    meshPolicy({
      authorization: { default: standard, ...(trial && { dryRunNamespaces: ['payments'] }) },
      ...(exception && { namespaces: [{ name: 'payments', authorization: { default: exception } }] }),
    }),
  )

const texts = fc.constantFrom<unknown>('1', '2', '1,2', '12', ['1'], ['2', '12'], [], 1, { roles: '1' })
const claims = written<Record<string, unknown>>({
  iss: fc.constantFrom('https://a.example', 'https://a-example'),
  sub: fc.constantFrom('ann', 'bob', undefined),
  aud: texts,
  azp: fc.constantFrom<unknown>('1', '2', undefined),
  groups: texts,
  realm: fc.constantFrom<unknown>({ roles: ['1', '2'] }, { roles: '12' }, '1', undefined),
})

const asked = written<Asked>({
  to: fc.constantFrom(
    'pay:8080',
    'pay:8080',
    'pay:8080',
    'pay:9000',
    'pay:5432',
    'pay:8443',
    'pay:7000',
    'ledger:8080',
    'cart:8080',
  ),
  address: fc.constantFrom(
    '10.2.0.7',
    '10.2.0.8',
    '10.2.1.7',
    '10.3.0.1',
    '10.1.0.1',
    'fd00:2::7',
    '::ffff:10.2.0.7',
  ),
  method: fc.constantFrom(...METHODS),
  host: fc.constantFrom('pay.payments', 'Pay.payments:80', 'pay.payments:8080', 'x.payments', 'paypayments'),
  path: fc.constantFrom(
    '/',
    '/a',
    '/a/',
    '/a/b',
    '/a/x/b',
    '/a?/b',
    '/ab',
    '/A',
    '/x/b/',
    '/x/b/y/z',
    '/a/x.b',
    '/a.B/C',
    '/a.B/D',
    '/axB/C',
    '/a;x',
    '/a%2Fx%2Fb',
    '/x;a.b',
    '/X/B/y',
  ),
  headers: fc.array(
    fc.constantFrom('x-a: 1', 'x-a: 2', 'X-A: 12', 'x-b: 1', 'x-b: 21', 'x-a: \xff', 'x_a: 1'),
    { maxLength: 3 },
  ),
  claims: seldom(2, claims),
  sni: fc.constantFrom('', 'db.payments', 'x.payments', 'dbxpayments'),
  bytes: fc.constantFrom(true, undefined),
})

const call = fc.tuple(fc.constantFrom(...CALLERS), asked).map(([caller, { bytes, sni, ...rest }]) =>
  callOf(caller, {
    ...rest,
    ...(bytes && rest.to === 'pay:7000' && { bytes }),
    // Only where TLS is passed on is there a name.
    ...(rest.to === 'pay:8443' && sni !== undefined && { sni }),
  }),
)

/** `calls`: how many each scene has. */
export function scenes(calls: number): fc.Arbitrary<RandomScene> {
  return fc
    .record({
      policies: fc.uniqueArray(policy, {
        maxLength: 5,
        selector: ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
      }),
      mesh: seldom(2, settings),
      calls: fc.array(call, { minLength: calls, maxLength: calls }),
    })
    .map(({ policies, mesh, calls: made }) => ({
      objects: mesh ? [...policies, mesh] : policies,
      calls: made,
    }))
}
