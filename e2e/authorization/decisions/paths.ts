import type { Scene } from '../scene.ts'
import { allow, deny, to, when } from '../written.ts'

// Paths and hosts.

export const PATHS: readonly Scene[] = [
  {
    name: 'a path, whole',
    objects: [allow('p', [to({ paths: ['/charge'] })])],
    asked: [
      ['shop/web', { path: '/charge' }, 'allow payments/p/0'],
      ['shop/web', { path: '/charge?amount=3' }, 'allow payments/p/0'],
      ['shop/web', { path: '/charge?' }, 'allow payments/p/0'],
      ['shop/web', { path: '/charge?next=/admin' }, 'allow payments/p/0'],
      ['shop/web', { path: '/charge/' }, 'deny'],
      ['shop/web', { path: '/charge/x' }, 'deny'],
      ['shop/web', { path: '/charges' }, 'deny'],
      ['shop/web', { path: '/Charge' }, 'deny'],
      ['shop/web', { path: '/' }, 'deny'],
      ['shop/web', { path: '/x?/charge' }, 'deny'],
      ['shop/web', { path: '/charge;v=1' }, 'deny'],
    ],
  },
  {
    name: 'the beginning of a path',
    objects: [allow('p', [to({ paths: ['/items/*'] })])],
    asked: [
      ['shop/web', { path: '/items/' }, 'allow payments/p/0'],
      ['shop/web', { path: '/items/1' }, 'allow payments/p/0'],
      ['shop/web', { path: '/items/1/2?q' }, 'allow payments/p/0'],
      ['shop/web', { path: '/items' }, 'deny'],
      ['shop/web', { path: '/items?/' }, 'deny'],
      ['shop/web', { path: '/itemsx/1' }, 'deny'],
      ['shop/web', { path: '/ITEMS/1' }, 'deny'],
    ],
  },
  {
    name: 'the beginning of a segment',
    objects: [allow('p', [to({ paths: ['/item*'] })])],
    asked: [
      ['shop/web', { path: '/item' }, 'allow payments/p/0'],
      ['shop/web', { path: '/items/1' }, 'allow payments/p/0'],
      ['shop/web', { path: '/ite' }, 'deny'],
    ],
  },
  {
    name: 'the end of a path',
    objects: [allow('p', [to({ paths: ['*.png'] })])],
    asked: [
      ['shop/web', { path: '/a/b.png' }, 'allow payments/p/0'],
      ['shop/web', { path: '/b.png?v=2' }, 'allow payments/p/0'],
      ['shop/web', { path: '/b.PNG' }, 'deny'],
      ['shop/web', { path: '/bxpng' }, 'deny'],
      ['shop/web', { path: '/admin?x=.png' }, 'deny'],
      ['shop/web', { path: '/b.png/' }, 'deny'],
    ],
  },
  {
    name: 'any path',
    objects: [allow('p', [to({ paths: ['*'] })])],
    asked: [
      ['shop/web', { path: '/' }, 'allow payments/p/0'],
      ['shop/web', { path: '/x/y?z' }, 'allow payments/p/0'],
    ],
  },
  {
    name: 'a template of one segment',
    objects: [allow('p', [to({ paths: ['/users/{*}/cards'] })])],
    asked: [
      ['shop/web', { path: '/users/7/cards' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/a.b-c_d~e/cards?x' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/a%20b/cards' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/cards' }, 'deny'],
      ['shop/web', { path: '/users/7/8/cards' }, 'deny'],
      ['shop/web', { path: '/users/7/cards/' }, 'deny'],
      ['shop/web', { path: '/users/7/cards/1' }, 'deny'],
      ['shop/web', { path: '/users/7/Cards' }, 'deny'],
    ],
  },
  {
    name: 'a template of all the rest',
    objects: [allow('p', [to({ paths: ['/users/{*}/cards/{**}'] })])],
    asked: [
      ['shop/web', { path: '/users/7/cards/' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/7/cards/1' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/7/cards/1/2/3?x' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/7/cards' }, 'deny'],
      ['shop/web', { path: '/users/7/8/cards/1' }, 'deny'],
      ['shop/web', { path: '/users/7/cardsx/1' }, 'deny'],
    ],
  },
  {
    name: 'a template of one segment at the end',
    objects: [allow('p', [to({ paths: ['/users/{*}'] })])],
    asked: [
      ['shop/web', { path: '/users/7' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/' }, 'deny'],
      ['shop/web', { path: '/users' }, 'deny'],
      ['shop/web', { path: '/users/7/' }, 'deny'],
    ],
  },
  {
    name: 'dots of a template are dots',
    objects: [allow('p', [to({ paths: ['/v1.0/{*}'] })])],
    asked: [
      ['shop/web', { path: '/v1.0/a' }, 'allow payments/p/0'],
      ['shop/web', { path: '/v1x0/a' }, 'deny'],
    ],
  },
  {
    name: 'a path that is denied',
    objects: [deny('d', [to({ paths: ['/admin', '/admin/*'] })])],
    asked: [
      ['shop/web', { path: '/admin' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin?x=1' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin/' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin/users' }, 'deny payments/d/0'],
      ['shop/web', { path: '/administrator' }, 'allow'],
      ['shop/web', { path: '/x/admin' }, 'allow'],
      ['shop/web', { path: '/?/admin' }, 'allow'],
    ],
  },
  {
    name: 'a path that is denied, as applications may read it',
    objects: [deny('d', [to({ paths: ['/admin', '/Admin/*'] })])],
    asked: [
      ['shop/web', { path: '/admin%2Fusers' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin%5Cusers' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin;x=y' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin;x/users' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin%3Bx' }, 'deny payments/d/0'],
      ['shop/web', { path: '/ADMIN' }, 'deny payments/d/0'],
      ['shop/web', { path: '/admin/users' }, 'deny payments/d/0'],
      ['shop/web', { path: '/a/%2Fadmin' }, 'allow'],
      ['shop/web', { path: '/admins;x' }, 'allow'],
    ],
  },
  {
    name: 'a path that is allowed, and what only some take for it',
    objects: [allow('p', [to({ paths: ['/a;v=1', '/items/*', '*.png', '/users/{*}'] })])],
    asked: [
      ['shop/web', { path: '/a;v=1' }, 'allow payments/p/0'],
      ['shop/web', { path: '/a' }, 'deny'],
      ['shop/web', { path: '/items/a;v=1' }, 'allow payments/p/0'],
      ['shop/web', { path: '/items%2F1' }, 'deny'],
      ['shop/web', { path: '/items/@a%2Fb' }, 'allow payments/p/0'],
      ['shop/web', { path: '/admin;.png' }, 'deny'],
      ['shop/web', { path: '/a%2Fb.png' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/a%2Fb' }, 'allow payments/p/0'],
      ['shop/web', { path: '/Users/a' }, 'deny'],
    ],
  },
  {
    name: 'all paths but one, as applications may read it',
    objects: [allow('p', [to({ paths: ['*'], notPaths: ['/admin'] })])],
    asked: [
      ['shop/web', { path: '/x' }, 'allow payments/p/0'],
      ['shop/web', { path: '/X;y' }, 'allow payments/p/0'],
      ['shop/web', { path: '/admin;x' }, 'deny'],
      ['shop/web', { path: '/Admin' }, 'deny'],
    ],
  },
  {
    name: 'all paths but',
    objects: [deny('d', [to({ notPaths: ['/public/*', '/health'] })])],
    asked: [
      ['shop/web', { path: '/public/a' }, 'allow'],
      ['shop/web', { path: '/health' }, 'allow'],
      ['shop/web', { path: '/public' }, 'deny payments/d/0'],
      ['shop/web', { path: '/' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'all of a template but',
    objects: [allow('p', [to({ paths: ['/users/*'], notPaths: ['/users/{*}/secret'] })])],
    asked: [
      ['shop/web', { path: '/users/7/name' }, 'allow payments/p/0'],
      ['shop/web', { path: '/users/7/secret' }, 'deny'],
      ['shop/web', { path: '/users/7/8/secret' }, 'allow payments/p/0'],
    ],
  },
]

export const HOSTS: readonly Scene[] = [
  {
    name: 'a host, whole',
    objects: [allow('p', [to({ hosts: ['pay.payments.svc.cluster.local'] })])],
    asked: [
      ['shop/web', { host: 'pay.payments.svc.cluster.local' }, 'allow payments/p/0'],
      ['shop/web', { host: 'Pay.Payments.SVC.cluster.local' }, 'allow payments/p/0'],
      ['shop/web', { host: 'pay.payments.svc.cluster.local:8080' }, 'allow payments/p/0'],
      ['shop/web', { host: 'pay.payments' }, 'deny'],
      ['shop/web', { host: 'payxpayments.svc.cluster.local' }, 'deny'],
      ['shop/web', { host: 'x.pay.payments.svc.cluster.local' }, 'deny'],
      ['shop/web', { host: 'pay.payments.svc.cluster.local.example' }, 'deny'],
    ],
  },
  {
    name: 'a host with a port',
    objects: [allow('p', [to({ hosts: ['pay.payments:8080'] })])],
    asked: [
      ['shop/web', { host: 'pay.payments:8080' }, 'allow payments/p/0'],
      ['shop/web', { host: 'PAY.payments:8080' }, 'allow payments/p/0'],
      ['shop/web', { host: 'pay.payments' }, 'deny'],
      ['shop/web', { host: 'pay.payments:80' }, 'deny'],
    ],
  },
  {
    name: 'the end of a host',
    objects: [allow('p', [to({ hosts: ['*.payments'] })])],
    asked: [
      ['shop/web', { host: 'pay.payments' }, 'allow payments/p/0'],
      ['shop/web', { host: 'a.b.PAYMENTS:80' }, 'allow payments/p/0'],
      ['shop/web', { host: 'payments' }, 'deny'],
      ['shop/web', { host: 'paypayments' }, 'deny'],
      ['shop/web', { host: 'pay.payments.example' }, 'deny'],
    ],
  },
  {
    name: 'the beginning of a host',
    objects: [allow('p', [to({ hosts: ['pay.*'] })])],
    asked: [
      ['shop/web', { host: 'pay.payments' }, 'allow payments/p/0'],
      ['shop/web', { host: 'PAY.x:9' }, 'allow payments/p/0'],
      ['shop/web', { host: 'payments' }, 'deny'],
      ['shop/web', { host: 'x.pay.y' }, 'deny'],
    ],
  },
  {
    name: 'hosts that are denied',
    objects: [deny('d', [to({ hosts: ['admin.example'] })])],
    asked: [
      ['shop/web', { host: 'admin.example' }, 'deny payments/d/0'],
      ['shop/web', { host: 'ADMIN.example:443' }, 'deny payments/d/0'],
      ['shop/web', { host: 'pay.payments' }, 'allow'],
    ],
  },
  {
    name: 'all hosts but',
    objects: [deny('d', [to({ notHosts: ['pay.payments', '*.pay.payments'] })])],
    asked: [
      ['shop/web', { host: 'pay.payments:8080' }, 'allow'],
      ['shop/web', { host: 'a.pay.payments' }, 'allow'],
      ['shop/web', { host: 'evil.example' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a host is no header of a condition to forget',
    objects: [deny('d', [when({ key: 'request.headers[x-forwarded-host]', values: ['*'] })])],
    asked: [
      ['shop/web', {}, 'allow'],
      ['shop/web', { headers: ['x-forwarded-host: a'] }, 'deny payments/d/0'],
    ],
  },
]
