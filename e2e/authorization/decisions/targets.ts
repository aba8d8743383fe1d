import type { Scene } from '../scene.ts'
import { allow, deny, from, to, when, type WrittenRoute, type WrittenTarget } from '../written.ts'

// Ports that carry bytes; Services and routes as targets.

const WEB = from({ serviceAccounts: ['shop/web'] })
const service = (name: string) => ({
  targetRefs: [{ group: '', kind: 'Service', name } satisfies WrittenTarget],
})
const route = (kind: 'HTTPRoute' | 'GRPCRoute', name: string) => ({
  targetRefs: [{ group: 'gateway.networking.k8s.io', kind, name } satisfies WrittenTarget],
})

function routeOf(kind: 'HTTPRoute' | 'GRPCRoute', name: string, port: number, rules: readonly object[]) {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { namespace: 'payments', name },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'pay', port }],
      rules: rules.map((rule) => ({ backendRefs: [{ name: 'pay', port }], ...rule })),
    },
  } satisfies WrittenRoute
}

export const BYTES: readonly Scene[] = [
  {
    name: 'who may, on a port of bytes',
    objects: [allow('p', [{ ...WEB, ...to({ ports: [5432] }) }])],
    asked: [
      ['shop/web', { to: 'pay:5432' }, 'allow payments/p/0'],
      ['shop/cart', { to: 'pay:5432' }, 'deny'],
      ['', { to: 'pay:5432' }, 'deny'],
      ['shop/web', { to: 'pay:8080' }, 'deny'],
    ],
  },
  ...(
    [
      ['methods', to({ methods: ['GET'] })],
      ['notMethods', to({ notMethods: ['POST'] })],
      ['paths', to({ paths: ['*'] })],
      ['notPaths', to({ notPaths: ['/admin'] })],
      ['hosts', to({ hosts: ['*'] })],
      ['grpc', to({ grpc: [{ service: 'a.B' }] })],
      ['requestPrincipals', from({ requestPrincipals: ['*'] })],
      ['a header', when({ key: 'request.headers[x-a]', notValues: ['1'] })],
      ['a claim', when({ key: 'request.auth.claims[a]', notValues: ['1'] })],
    ] as const
  ).flatMap(([field, rule]): Scene[] => [
    {
      name: `an ALLOW with ${field} allows no bytes`,
      objects: [allow('p', [rule])],
      asked: [['shop/web', { to: 'pay:5432' }, 'deny']],
    },
    {
      name: `a DENY with ${field} denies bytes`,
      objects: [deny('d', [rule])],
      asked: [['shop/web', { to: 'pay:5432' }, 'deny payments/d/0']],
    },
  ]),
  {
    name: 'an ALLOW with HTTP in one rule, and none in another',
    objects: [
      allow('p', [
        { ...WEB, ...to({ methods: ['GET'] }) },
        { ...from({ serviceAccounts: ['shop/cart'] }), ...to({ ports: [5432] }) },
      ]),
    ],
    asked: [
      ['shop/web', { to: 'pay:5432' }, 'deny'],
      ['shop/cart', { to: 'pay:5432' }, 'allow payments/p/1'],
      ['shop/web', { to: 'pay:8080' }, 'allow payments/p/0'],
    ],
  },
  {
    name: 'a DENY with HTTP holds its other fields on bytes',
    objects: [deny('d', [{ ...WEB, ...to({ ports: [5432, 8080], paths: ['/admin'] }) }])],
    asked: [
      ['shop/web', { to: 'pay:5432' }, 'deny payments/d/0'],
      ['shop/cart', { to: 'pay:5432' }, 'allow'],
      ['shop/web', { to: 'pay:8443', sni: 'pay.payments' }, 'allow'],
      ['shop/web', { to: 'pay:8080', path: '/x' }, 'allow'],
      ['shop/web', { to: 'pay:8080', path: '/admin' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a port that nobody declared, with HTTP and with bytes',
    objects: [
      allow('p', [
        { ...WEB, ...to({ ports: [7000], methods: ['GET'] }) },
        from({ serviceAccounts: ['shop/cart'] }),
      ]),
    ],
    asked: [
      ['shop/web', { to: 'pay:7000' }, 'allow payments/p/0'],
      ['shop/web', { to: 'pay:7000', method: 'POST' }, 'deny'],
      ['shop/web', { to: 'pay:7000', bytes: true }, 'deny'],
      ['shop/cart', { to: 'pay:7000', bytes: true }, 'allow payments/p/1'],
    ],
  },
  {
    name: 'TLS that is passed on, by its name',
    objects: [allow('p', [to({ snis: ['db.payments.svc', '*.public.example'] })])],
    asked: [
      ['', { to: 'pay:8443', sni: 'db.payments.svc' }, 'allow payments/p/0'],
      ['', { to: 'pay:8443', sni: 'a.public.example' }, 'allow payments/p/0'],
      ['', { to: 'pay:8443', sni: 'dbxpayments.svc' }, 'deny'],
      ['', { to: 'pay:8443', sni: 'public.example' }, 'deny'],
      ['', { to: 'pay:8443', sni: 'admin.payments.svc' }, 'deny'],
    ],
  },
  {
    name: 'TLS that is passed on, by a name that it must not be',
    objects: [deny('d', [to({ ports: [8443], notSnis: ['db.payments.svc'] })])],
    asked: [
      ['', { to: 'pay:8443', sni: 'db.payments.svc' }, 'allow'],
      ['', { to: 'pay:8443', sni: 'x.payments.svc' }, 'deny payments/d/0'],
      ['', { to: 'pay:5432' }, 'allow'],
    ],
  },
  {
    name: "TLS that is passed on inside a sidecar's own, by its name",
    objects: [
      deny('d', [to({ snis: ['admin.payments.svc'] })]),
      allow('p', [to({ snis: ['*.payments.svc'] })]),
    ],
    asked: [
      ['shop/web', { to: 'pay:8443', sni: 'db.payments.svc' }, 'allow payments/p/0'],
      ['shop/web', { to: 'pay:8443', sni: 'admin.payments.svc' }, 'deny payments/d/0'],
      ['shop/web', { to: 'pay:8443', sni: 'db.other.svc' }, 'deny'],
      ['shop/web', { to: 'pay:8443' }, 'deny'],
    ],
  },
  {
    name: 'connection.sni as a condition',
    objects: [allow('p', [when({ key: 'connection.sni', values: ['db.*'], notValues: ['db.evil'] })])],
    asked: [
      ['', { to: 'pay:8443', sni: 'db.payments.svc' }, 'allow payments/p/0'],
      ['', { to: 'pay:8443', sni: 'db.evil' }, 'deny'],
      ['', { to: 'pay:8443', sni: 'x' }, 'deny'],
    ],
  },
]

export const TARGETS: readonly Scene[] = [
  {
    name: 'a Service',
    objects: [allow('p', [WEB], service('pay-web'))],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow payments/p/0'],
      ['shop/cart', { to: 'pay:8080' }, 'deny'],
      ['shop/cart', { to: 'pay:9000' }, 'allow'],
      ['shop/cart', { to: 'pay:5432' }, 'allow'],
      ['shop/cart', { to: 'ledger:8080' }, 'allow'],
      ['shop/web', { to: 'pay:8080', host: '10.1.0.1:8080' }, 'allow payments/p/0'],
      ['shop/cart', { to: 'pay:8080', host: '10.1.0.1:8080' }, 'deny'],
    ],
  },
  {
    name: 'a Service of all ports',
    objects: [deny('d', [WEB], service('pay'))],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'deny payments/d/0'],
      ['shop/web', { to: 'pay:5432' }, 'deny payments/d/0'],
      ['shop/web', { to: 'pay:7000' }, 'allow'],
      ['shop/web', { to: 'ledger:8080' }, 'allow'],
    ],
  },
  {
    name: 'two Services of one port add up',
    objects: [
      allow('a', [WEB], service('pay-web')),
      allow('b', [from({ serviceAccounts: ['shop/cart'] })], service('pay')),
    ],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow payments/a/0'],
      ['shop/cart', { to: 'pay:8080' }, 'allow payments/b/0'],
      ['shop/web', { to: 'pay:9000' }, 'deny'],
      ['shop/mail', { to: 'pay:8080' }, 'deny'],
    ],
  },
  {
    name: 'a Service that is not there covers nothing',
    objects: [allow('p', [WEB], service('gone'))],
    asked: [['shop/cart', { to: 'pay:8080' }, 'allow']],
  },
  {
    name: 'a route',
    objects: [
      routeOf('HTTPRoute', 'charge', 80, [
        { matches: [{ path: { type: 'PathPrefix', value: '/charge' }, method: 'POST' }] },
      ]),
      allow('p', [WEB], route('HTTPRoute', 'charge')),
    ],
    asked: [
      ['shop/web', { method: 'POST', path: '/charge' }, 'allow payments/p/0'],
      ['shop/web', { method: 'POST', path: '/charge/x?y' }, 'allow payments/p/0'],
      ['shop/cart', { method: 'POST', path: '/charge' }, 'deny'],
      ['shop/cart', { method: 'POST', path: '/charge/' }, 'deny'],
      ['', { method: 'POST', path: '/charge' }, 'deny'],
      ['shop/cart', { method: 'GET', path: '/charge' }, 'allow mesh/default/Allow'],
      ['shop/cart', { method: 'POST', path: '/charges' }, 'allow mesh/default/Allow'],
      ['shop/cart', { method: 'POST', path: '/charge', to: 'ledger:8080' }, 'allow'],
      ['shop/cart', { to: 'pay:9000', method: 'POST', path: '/charge' }, 'allow'],
    ],
  },
  {
    name: 'a route that is denied',
    objects: [
      routeOf('HTTPRoute', 'admin', 80, [{ matches: [{ path: { type: 'Exact', value: '/admin' } }] }]),
      deny('d', [from({ notServiceAccounts: ['shop/web'] })], route('HTTPRoute', 'admin')),
    ],
    asked: [
      ['shop/web', { path: '/admin' }, 'allow'],
      ['shop/cart', { path: '/admin' }, 'deny payments/d/0'],
      ['shop/cart', { path: '/admin/' }, 'allow'],
      ['shop/cart', { path: '/x' }, 'allow'],
    ],
  },
  {
    name: 'a route as the server sees it, behind its rewrite',
    objects: [
      routeOf('HTTPRoute', 'moved', 80, [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/old' } }],
          filters: [
            {
              type: 'URLRewrite',
              urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } },
            },
          ],
        },
      ]),
      allow('p', [WEB], route('HTTPRoute', 'moved')),
    ],
    asked: [
      ['shop/web', { path: '/new/x' }, 'allow payments/p/0'],
      ['shop/cart', { path: '/new/x' }, 'deny'],
      ['shop/cart', { path: '/new' }, 'deny'],
      ['shop/cart', { path: '/old/x' }, 'allow mesh/default/Allow'],
    ],
  },
  {
    name: 'a route beside a namespace',
    objects: [
      routeOf('HTTPRoute', 'charge', 80, [{ matches: [{ path: { type: 'Exact', value: '/charge' } }] }]),
      allow('p', [WEB], route('HTTPRoute', 'charge')),
      allow('q', [from({ namespaces: ['payments'] })]),
    ],
    asked: [
      ['shop/web', { path: '/charge' }, 'allow payments/p/0'],
      ['payments/ledger', { path: '/charge' }, 'allow payments/q/0'],
      ['payments/ledger', { path: '/x' }, 'allow payments/q/0'],
      ['shop/web', { path: '/x' }, 'deny'],
      ['other/x', { path: '/charge' }, 'deny'],
    ],
  },
  {
    name: 'a route of gRPC',
    objects: [
      routeOf('GRPCRoute', 'prices', 9000, [
        { matches: [{ method: { service: 'shop.v1.Prices', method: 'SetPrice' } }] },
      ]),
      allow('p', [WEB], route('GRPCRoute', 'prices')),
    ],
    asked: [
      [
        'shop/web',
        {
          to: 'pay:9000',
          method: 'POST',
          path: '/shop.v1.Prices/SetPrice',
          headers: ['content-type: application/grpc'],
        },
        'allow payments/p/0',
      ],
      [
        'shop/cart',
        {
          to: 'pay:9000',
          method: 'POST',
          path: '/shop.v1.Prices/SetPrice',
          headers: ['content-type: application/grpc'],
        },
        'deny',
      ],
      [
        'shop/cart',
        {
          to: 'pay:9000',
          method: 'POST',
          path: '/shop.v1.Prices/GetPrice',
          headers: ['content-type: application/grpc'],
        },
        'allow mesh/default/Allow',
      ],
    ],
  },
]
