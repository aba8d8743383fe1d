import type { Scene } from '../scene.ts'
import { allow, deny, from, to, when } from '../written.ts'

// What is called: ports, methods, gRPC.

export const OPERATIONS: readonly Scene[] = [
  {
    name: 'ports',
    objects: [allow('p', [to({ ports: [8080, 9000] })])],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow payments/p/0'],
      ['shop/web', { to: 'pay:9000' }, 'allow payments/p/0'],
      ['shop/web', { to: 'pay:5432' }, 'deny'],
      ['shop/web', { to: 'ledger:8080' }, 'allow payments/p/0'],
      ['shop/web', { to: 'cart:8080' }, 'allow'],
    ],
  },
  {
    name: "a Service's port is none of the pod's",
    objects: [allow('p', [to({ ports: [80] })])],
    asked: [
      ['shop/web', { to: 'pay:8080', host: 'pay.payments:80' }, 'deny'],
      ['shop/web', { to: 'pay:8080' }, 'deny'],
    ],
  },
  {
    name: 'all ports but',
    objects: [deny('d', [to({ notPorts: [8080] })])],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow'],
      ['shop/web', { to: 'pay:9000' }, 'deny payments/d/0'],
      ['shop/web', { to: 'pay:5432' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'destination.port as a condition',
    objects: [allow('p', [when({ key: 'destination.port', values: ['8080', '5432'] })])],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow payments/p/0'],
      ['shop/web', { to: 'pay:5432' }, 'allow payments/p/0'],
      ['shop/web', { to: 'pay:9000' }, 'deny'],
    ],
  },
  {
    name: 'destination.port that it must not be',
    objects: [deny('d', [when({ key: 'destination.port', notValues: ['8080'] })])],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow'],
      ['shop/web', { to: 'pay:9000' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'methods',
    objects: [allow('p', [to({ methods: ['GET', 'HEAD'] })])],
    asked: [
      ['shop/web', { method: 'GET' }, 'allow payments/p/0'],
      ['shop/web', { method: 'HEAD' }, 'allow payments/p/0'],
      ['shop/web', { method: 'POST' }, 'deny'],
      ['shop/web', { method: 'GETX' }, 'deny'],
      ['shop/web', { method: 'OPTIONS' }, 'deny'],
      ['shop/web', { method: 'POST', headers: ['x-http-method-override: GET'] }, 'deny'],
    ],
  },
  {
    name: 'all methods but',
    objects: [deny('d', [to({ notMethods: ['GET'] })])],
    asked: [
      ['shop/web', { method: 'GET' }, 'allow'],
      ['shop/web', { method: 'POST' }, 'deny payments/d/0'],
      ['shop/web', { method: 'DELETE' }, 'deny payments/d/0'],
      ['shop/web', { method: 'GETS' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a method, but not there',
    objects: [allow('p', [to({ methods: ['GET'], notPaths: ['/private', '/private/*'] })])],
    asked: [
      ['shop/web', { path: '/' }, 'allow payments/p/0'],
      ['shop/web', { path: '/private' }, 'deny'],
      ['shop/web', { path: '/private/x' }, 'deny'],
      ['shop/web', { path: '/privately' }, 'allow payments/p/0'],
      ['shop/web', { path: '/', method: 'PUT' }, 'deny'],
    ],
  },
  {
    name: 'all fields of an operation must hold, and one operation is enough',
    objects: [
      allow('p', [to({ methods: ['GET'], paths: ['/items/*'] }, { methods: ['POST'], paths: ['/charge'] })]),
    ],
    asked: [
      ['shop/web', { method: 'GET', path: '/items/1' }, 'allow payments/p/0'],
      ['shop/web', { method: 'POST', path: '/charge' }, 'allow payments/p/0'],
      ['shop/web', { method: 'GET', path: '/charge' }, 'deny'],
      ['shop/web', { method: 'POST', path: '/items/1' }, 'deny'],
    ],
  },
  {
    name: 'source, operation and condition must all hold',
    objects: [
      allow('p', [
        {
          ...from({ namespaces: ['shop'] }),
          ...to({ methods: ['GET'] }),
          ...when({ key: 'request.headers[x-tenant]', values: ['a'] }),
        },
      ]),
    ],
    asked: [
      ['shop/web', { headers: ['x-tenant: a'] }, 'allow payments/p/0'],
      ['other/web', { headers: ['x-tenant: a'] }, 'deny'],
      ['shop/web', { headers: ['x-tenant: a'], method: 'POST' }, 'deny'],
      ['shop/web', { headers: ['x-tenant: b'] }, 'deny'],
      ['shop/web', {}, 'deny'],
    ],
  },
  {
    name: 'a method of gRPC',
    objects: [allow('p', [to({ grpc: [{ service: 'shop.v1.Catalog', method: 'GetItem' }] })])],
    asked: [
      [
        'shop/web',
        { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/GetItem' },
        'allow payments/p/0',
      ],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/GetItems' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/getitem' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog2/GetItem' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shopxv1.Catalog/GetItem' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/GetItem/' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/x/shop.v1.Catalog/GetItem' }, 'deny'],
    ],
  },
  {
    name: 'a service of gRPC',
    objects: [allow('p', [to({ grpc: [{ service: 'shop.v1.Catalog' }] })])],
    asked: [
      [
        'shop/web',
        { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/GetItem' },
        'allow payments/p/0',
      ],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/Drop' }, 'allow payments/p/0'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.CatalogAdmin/Drop' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/grpc.health.v1.Health/Check' }, 'deny'],
    ],
  },
  {
    name: 'a method of gRPC that is denied, whatever else the request says',
    objects: [deny('d', [to({ grpc: [{ service: 'shop.v1.Catalog', method: 'Drop' }] })])],
    asked: [
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/Drop' }, 'deny payments/d/0'],
      ['shop/web', { to: 'pay:9000', method: 'GET', path: '/shop.v1.Catalog/Drop' }, 'deny payments/d/0'],
      [
        'shop/web',
        {
          to: 'pay:9000',
          method: 'POST',
          path: '/shop.v1.Catalog/Drop',
          headers: ['content-type: text/plain'],
        },
        'deny payments/d/0',
      ],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/Drop?x' }, 'deny payments/d/0'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/GetItem' }, 'allow'],
    ],
  },
  {
    name: 'all of gRPC but',
    objects: [
      allow('p', [
        to({
          ports: [9000],
          notGrpc: [{ service: 'shop.v1.Admin' }, { service: 'shop.v1.Catalog', method: 'Drop' }],
        }),
      ]),
    ],
    asked: [
      [
        'shop/web',
        { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/GetItem' },
        'allow payments/p/0',
      ],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Catalog/Drop' }, 'deny'],
      ['shop/web', { to: 'pay:9000', method: 'POST', path: '/shop.v1.Admin/Any' }, 'deny'],
      ['shop/web', { to: 'pay:8080' }, 'deny'],
    ],
  },
]
