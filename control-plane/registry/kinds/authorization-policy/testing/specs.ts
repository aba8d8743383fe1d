// AuthorizationPolicies that are taken and refused: by the control plane, which reads files, and by an API server with the
// definition of the chart (e2e/kubernetes/authorization-policy.kube.ts).

/** The text of a policy with that spec, as JSON. */
export function policyText(spec: unknown, name = 'policy', namespace = 'default'): string {
  return JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace },
    spec,
  })
}

const ROUTES = 'gateway.networking.k8s.io'
const rule = (one: object): object => ({ rules: [one] })
const from = (source: object): object => rule({ from: [{ source }] })
const to = (operation: object): object => rule({ to: [{ operation }] })
const when = (condition: object): object => rule({ when: [condition] })
const many = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `ns-${at}`)

/** Every field once, and what is just within its limits. */
export const TAKEN: Readonly<Record<string, object>> = {
  'nothing is allowed': {},
  'everything is allowed': rule({}),
  'every kind of target': {
    targetRefs: [
      { group: '', kind: 'Service', name: 'pay' },
      { kind: 'Namespace', name: 'default' },
      { group: ROUTES, kind: 'HTTPRoute', name: 'pay' },
      { group: ROUTES, kind: 'GRPCRoute', name: 'pay' },
    ],
    ...rule({}),
  },
  'some pods, tried out': {
    selector: { matchLabels: { app: 'pay' } },
    action: 'DENY',
    mode: 'DryRun',
    appliesToSelf: true,
    ...rule({}),
  },
  'an audit': { action: 'AUDIT', mode: 'Enforce', appliesToSelf: false, ...rule({}) },
  principals: from({
    principals: [
      'spiffe://cluster.local/ns/shop/sa/web',
      'cluster.local/ns/shop/*',
      'cluster.local/*',
      'spiffe://partner.example/batch/job',
      '*/sa/web',
      '*',
    ],
    notPrincipals: ['cluster.local/ns/shop/sa/bad'],
  }),
  namespaces: from({ namespaces: ['shop', 'team-*', '*-prod', '*'], notNamespaces: ['team-x'] }),
  'service accounts': from({ serviceAccounts: ['shop/web', 'web', 'shop/w.e.b'], notServiceAccounts: ['x'] }),
  'blocks of addresses': from({
    ipBlocks: ['10.0.0.0/8', '10.1.2.3', '2001:db8::/32', '2001:db8::1'],
    notIpBlocks: ['0.0.0.0/0'],
  }),
  'trust domains': from({ trustDomains: ['cluster.local'], notTrustDomains: ['partner.example'] }),
  'request principals': from({
    requestPrincipals: ['https://issuer.example/*', '*/admin', 'iss/sub', '*'],
    notRequestPrincipals: ['iss/bad'],
  }),
  'as many values as there may be': from({ namespaces: many(64) }),
  ports: to({ ports: [1, 65_535], notPorts: [80] }),
  methods: to({ methods: ['GET', 'P*', '*T', 'M-SEARCH', '*'], notMethods: ['PUT'] }),
  paths: to({
    paths: [
      '/',
      '/charge',
      '/items/*',
      '/items*',
      '*.png',
      '/users/{*}/cards/{**}',
      '/{**}',
      '/caf%C3%A9',
      '/@scope%2Fname',
      '*',
    ],
    notPaths: ['/a..b/.well-known'],
  }),
  hosts: to({
    hosts: ['pay.shop', 'PAY.shop:8080', '*.shop', 'pay.*', '[2001:db8::1]:80', '*'],
    notHosts: ['x'],
  }),
  grpc: to({
    grpc: [{ service: 'shop.v1.Catalog', method: 'GetItem' }, { service: 'Cart' }],
    notGrpc: [{ service: 'grpc.health.v1.Health' }],
  }),
  snis: to({ snis: ['db.shop.svc', '*.svc', 'db.*', '*'], notSnis: ['x'] }),
  headers: when({ key: 'request.headers[X-Tenant]', values: ['a', 'b-*', '*-c', '*'], notValues: ['b-x'] }),
  claims: when({ key: 'request.auth.claims[realm][roles]', values: ['admin'] }),
  'other keys': rule({
    when: [
      { key: 'request.auth.principal', values: ['iss/sub'] },
      { key: 'request.auth.audiences', values: ['shop'] },
      { key: 'request.auth.presenter', notValues: ['old'] },
      { key: 'source.ip', values: ['10.0.0.0/8'] },
      { key: 'destination.port', values: ['8080'] },
      { key: 'connection.sni', values: ['*.svc'] },
    ],
  }),
}

/** With what the control plane says, and the API server. */
export const REFUSED: readonly (readonly [spec: unknown, read: RegExp, server: RegExp])[] = [
  [undefined, /spec is required/, /spec: Required value/],
  [{ rules: [] }, /spec\.rules is empty/, /spec\.rules: .*at least 1/],
  [{ action: 'DENY' }, /spec\.rules is required with DENY/, /DENY and AUDIT need rules/],
  [{ action: 'AUDIT' }, /spec\.rules is required with AUDIT/, /DENY and AUDIT need rules/],
  [
    { action: 'deny', ...rule({}) },
    /spec\.action must be one of ALLOW, DENY, AUDIT/,
    /spec\.action: Unsupported/,
  ],
  [{ mode: 'Dryrun' }, /spec\.mode must be one of Enforce, DryRun/, /spec\.mode: Unsupported/],
  [{ ruls: [{}] }, /spec\.ruls is not a field/, /unknown field "spec\.ruls"/],
  [
    { selector: { matchLabels: { a: 'b' } }, targetRefs: [{ kind: 'Service', name: 'a' }] },
    /targetRefs does not go with selector/,
    /selector and targetRefs exclude each other/,
  ],
  [{ selector: {} }, /selector\.matchLabels needs a label/, /selector\.matchLabels: Required value/],
  [{ targetRefs: [] }, /spec\.targetRefs is empty/, /spec\.targetRefs: .*at least 1/],
  [
    { targetRefs: [{ kind: 'Pod', name: 'a' }] },
    /targetRefs\[0\]\.kind must be one of/,
    /targetRefs\[0\]\.kind: Unsupported/,
  ],
  [
    { targetRefs: [{ kind: 'HTTPRoute', name: 'a' }] },
    /targetRefs\[0\]\.group must be "gateway.networking.k8s.io"/,
    /group must be gateway\.networking\.k8s\.io/,
  ],
  [
    { targetRefs: [1, 2].map(() => ({ kind: 'Service', name: 'a' })) },
    /names Service a a second time/,
    /each target must be named once/,
  ],
  [rule({ from: [] }), /rules\[0\]\.from is empty/, /rules\[0\]\.from: .*at least 1/],
  [rule({ from: [{}] }), /from\[0\]\.source is required/, /from\[0\]\.source: Required value/],
  [from({}), /from\[0\]\.source needs a field/, /from\[0\]\.source: .*at least 1/],
  [rule({ to: [{ operation: {} }] }), /to\[0\]\.operation needs a field/, /to\[0\]\.operation: .*at least 1/],
  [from({ principal: ['*'] }), /source\.principal is not a field/, /unknown field .*source\.principal"/],
  [from({ principals: [] }), /source\.principals is empty/, /source\.principals: .*at least 1/],
  [from({ notNamespaces: [] }), /source\.notNamespaces is empty/, /source\.notNamespaces: .*at least 1/],
  ...[
    'web',
    'shop/web',
    'ns/shop/sa/web',
    '/ns/shop/sa/web',
    'cluster.local',
    'cluster.local*',
    'spiffe://cluster.local*',
    'spiffe:///ns/shop/sa/web',
    'Cluster.local/ns/shop/sa/web',
  ].map(
    (principal) =>
      [
        from({ principals: [principal] }),
        /source\.principals\[0\] has no trust domain/,
        /source\.principals\[0\]: .*should match/,
      ] as const,
  ),
  [
    from({ principals: ['cluster.local/ns/*/sa/web'] }),
    /principals\[0\] has a \* within/,
    /principals\[0\]: .*should match/,
  ],
  [from({ namespaces: ['Shop'] }), /namespaces\[0\] must be the name/, /namespaces\[0\]: .*should match/],
  [from({ namespaces: ['a*b'] }), /namespaces\[0\] has a \* within/, /namespaces\[0\]: .*should match/],
  [from({ namespaces: ['a.b'] }), /namespaces\[0\] must be the name/, /namespaces\[0\]: .*should match/],
  [
    from({ serviceAccounts: ['shop/*'] }),
    /serviceAccounts\[0\] takes no \*/,
    /serviceAccounts\[0\]: .*should match/,
  ],
  [
    from({ serviceAccounts: ['a/b/c'] }),
    /serviceAccounts\[0\] must be/,
    /serviceAccounts\[0\]: .*should match/,
  ],
  [from({ ipBlocks: ['10.0.0.0/8/8'] }), /ipBlocks\[0\] must be an IP/, /ipBlocks\[0\]: .*should match/],
  [from({ ipBlocks: ['example.com'] }), /ipBlocks\[0\] must be an IP/, /ipBlocks\[0\]: .*should match/],
  [from({ trustDomains: ['*'] }), /trustDomains\[0\] must be a trust/, /trustDomains\[0\]: .*should match/],
  [
    from({ requestPrincipals: ['admin'] }),
    /requestPrincipals\[0\] must be ISSUER/,
    /requestPrincipals\[0\]: .*match/,
  ],
  [from({ namespaces: many(65) }), /namespaces has 65 items; at most 64/, /namespaces: Too many/],
  [to({ ports: [0] }), /ports\[0\] must be an integer/, /ports\[0\]: .*greater than or equal to 1/],
  [to({ ports: [65_536] }), /ports\[0\] must be an integer/, /ports\[0\]: .*less than or equal to 65535/],
  [to({ ports: ['80'] }), /ports\[0\] must be an integer/, /ports\[0\]: .*must be of type integer/],
  [to({ methods: ['get'] }), /methods\[0\] must be a method/, /methods\[0\]: .*should match/],
  ...['charge', '/a?b', '/a#b', '/a/*/b', '/{**}/b', '/a{*}', '/a b', '*/{*}'].map(
    (path) =>
      [to({ paths: [path] }), /operation\.paths\[0\] /, /operation\.paths\[0\]: .*should match/] as const,
  ),
  [to({ hosts: ['a b'] }), /hosts\[0\] must be a host/, /hosts\[0\]: .*should match/],
  [to({ hosts: ['http://a'] }), /hosts\[0\] must be a host/, /hosts\[0\]: .*should match/],
  [to({ grpc: [{ method: 'Get' }] }), /grpc\[0\]\.service is required/, /grpc\[0\]\.service: Required/],
  [to({ grpc: [{ service: '/a.B' }] }), /grpc\[0\]\.service must be/, /grpc\[0\]\.service: .*should match/],
  [
    to({ grpc: [{ service: 'a.B', method: '*' }] }),
    /grpc\[0\]\.method must be/,
    /grpc\[0\]\.method: .*match/,
  ],
  [to({ snis: ['a*b'] }), /snis\[0\] has a \* within/, /snis\[0\]: .*should match/],
  [when({ key: 'request.headers[x]' }), /when\[0\] needs values/, /values or notValues must be there/],
  [when({ key: 'request.headers[x]', values: [] }), /values is empty/, /values: .*at least 1/],
  [
    when({ key: 'request.headers[Host]', values: ['a'] }),
    /key is not compared as a header/,
    /to\.operation\.hosts/,
  ],
  [when({ key: 'request.header[x]', values: ['a'] }), /key is no key that is known/, /key: .*should match/],
  [when({ key: 'source.namespace', values: ['a'] }), /from\.source\.namespaces/, /key: .*should match/],
  [
    when({ key: 'request.headers[x]', values: ['a*b'] }),
    /values\[0\] has a \* within/,
    /values\[0\]: .*match/,
  ],
]

/** Past the API server, since no schema says it; with what the control plane says. */
export const READ_ONLY: readonly (readonly [spec: object, read: RegExp])[] = [
  [from({ ipBlocks: ['10.0.0.0/33'] }), /ipBlocks\[0\] must be an IP address or a block/],
  [from({ ipBlocks: ['1.2.3'] }), /ipBlocks\[0\] must be an IP address or a block/],
  [to({ paths: ['//a'] }), /paths\[0\] .*write one slash for several/],
  [to({ paths: ['/a/../b'] }), /paths\[0\] .*without \. and \.\. segments/],
  [to({ paths: ['/%7euser'] }), /paths\[0\] .*write \/~user/],
  [to({ paths: ['/a%2fb'] }), /paths\[0\] .*write \/a%2Fb/],
  [to({ paths: ['/100%'] }), /paths\[0\] has a % that encodes nothing/],
  [when({ key: 'source.ip', values: ['shop'] }), /values\[0\] must be an IP address/],
  [when({ key: 'destination.port', values: ['http'] }), /values\[0\] must be a port/],
  [when({ key: 'request.auth.principal', values: ['admin'] }), /values\[0\] must be ISSUER/],
]
