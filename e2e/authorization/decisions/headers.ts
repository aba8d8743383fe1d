import type { Scene } from '../scene.ts'
import { allow, deny, when } from '../written.ts'

// Fields of requests. Bytes beyond ASCII are written as characters up to 255: \xc3\xa9 is é in UTF-8, \xff is none.

export const HEADERS: readonly Scene[] = [
  {
    name: 'a value, whole',
    objects: [allow('p', [when({ key: 'request.headers[x-tenant]', values: ['a', 'b'] })])],
    asked: [
      ['shop/web', { headers: ['x-tenant: a'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['X-Tenant: b'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-tenant: A'] }, 'deny'],
      ['shop/web', { headers: ['x-tenant: ab'] }, 'deny'],
      ['shop/web', { headers: ['x-tenant: '] }, 'deny'],
      ['shop/web', { headers: ['x-tenants: a'] }, 'deny'],
      ['shop/web', { headers: ['x_tenant: a'] }, 'deny'],
      ['shop/web', {}, 'deny'],
    ],
  },
  {
    name: "a name's case does not count",
    objects: [deny('d', [when({ key: 'request.headers[X-Tenant]', values: ['a'] })])],
    asked: [
      ['shop/web', { headers: ['x-tenant: a'] }, 'deny payments/d/0'],
      ['shop/web', { headers: ['X-TENANT: a'] }, 'deny payments/d/0'],
      ['shop/web', {}, 'allow'],
    ],
  },
  {
    name: 'each value of a field that stands more than once',
    objects: [deny('d', [when({ key: 'request.headers[x-role]', values: ['admin'] })])],
    asked: [
      ['shop/web', { headers: ['x-role: admin'] }, 'deny payments/d/0'],
      ['shop/web', { headers: ['x-role: user', 'x-role: admin'] }, 'deny payments/d/0'],
      ['shop/web', { headers: ['x-role: admin', 'x-role: user'] }, 'deny payments/d/0'],
      ['shop/web', { headers: ['x-role: user', 'X-Role: admin', 'x-role: user'] }, 'deny payments/d/0'],
      ['shop/web', { headers: ['x-role: user', 'x-role: user'] }, 'allow'],
      ['shop/web', { headers: ['x-role: administrator'] }, 'allow'],
    ],
  },
  {
    name: 'all values of a field, joined',
    objects: [allow('p', [when({ key: 'request.headers[x-role]', values: ['a,b'] })])],
    asked: [
      ['shop/web', { headers: ['x-role: a', 'x-role: b'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-role: a,b'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-role: b', 'x-role: a'] }, 'deny'],
    ],
  },
  {
    name: 'a field that is there',
    objects: [allow('p', [when({ key: 'request.headers[x-tenant]', values: ['*'] })])],
    asked: [
      ['shop/web', { headers: ['x-tenant: a'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-other: a'] }, 'deny'],
    ],
  },
  {
    name: 'beginning and end of a value',
    objects: [allow('p', [when({ key: 'request.headers[user-agent]', values: ['curl/*', '*bot'] })])],
    asked: [
      ['shop/web', { headers: ['user-agent: curl/8.1'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['user-agent: a-bot'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['user-agent: a-bot/1'] }, 'deny'],
      ['shop/web', { headers: ['user-agent: Curl/8'] }, 'deny'],
    ],
  },
  {
    name: 'a dot in a value is a dot',
    objects: [allow('p', [when({ key: 'request.headers[x-version]', values: ['1.0'] })])],
    asked: [
      ['shop/web', { headers: ['x-version: 1.0'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-version: 1x0'] }, 'deny'],
    ],
  },
  {
    name: 'a value that it must not have, in an ALLOW',
    objects: [allow('p', [when({ key: 'request.headers[x-role]', notValues: ['guest'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-role: user'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-role: guest'] }, 'deny'],
      ['shop/web', { headers: ['x-role: user', 'x-role: guest'] }, 'deny'],
    ],
  },
  {
    name: 'a value that it must have, in a DENY',
    objects: [deny('d', [when({ key: 'request.headers[x-token]', notValues: ['secret'] })])],
    asked: [
      ['shop/web', { headers: ['x-token: secret'] }, 'allow'],
      ['shop/web', { headers: ['x-token: other'] }, 'deny payments/d/0'],
      ['shop/web', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'values and notValues',
    objects: [
      allow('p', [when({ key: 'request.headers[x-tenant]', values: ['team-*'], notValues: ['team-b'] })]),
    ],
    asked: [
      ['shop/web', { headers: ['x-tenant: team-a'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-tenant: team-b'] }, 'deny'],
      ['shop/web', { headers: ['x-tenant: team-a', 'x-tenant: team-b'] }, 'deny'],
      ['shop/web', { headers: ['x-tenant: x'] }, 'deny'],
    ],
  },
  {
    name: 'all conditions must hold',
    objects: [
      allow('p', [
        when({ key: 'request.headers[x-a]', values: ['1'] }, { key: 'request.headers[x-b]', values: ['2'] }),
      ]),
    ],
    asked: [
      ['shop/web', { headers: ['x-a: 1', 'x-b: 2'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-a: 1'] }, 'deny'],
      ['shop/web', { headers: ['x-a: 1', 'x-b: 1'] }, 'deny'],
    ],
  },
  {
    name: 'what is not UTF-8 allows nothing',
    objects: [allow('p', [when({ key: 'request.headers[x-tenant]', values: ['a*'] })])],
    asked: [
      ['shop/web', { headers: ['x-tenant: a\xc3\xa9'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-tenant: a\xff'] }, 'deny'],
      ['shop/web', { headers: ['x-other: a\xff', 'x-tenant: a'] }, 'allow payments/p/0'],
    ],
  },
  {
    name: 'what is not UTF-8 allows nothing by not being something',
    objects: [allow('p', [when({ key: 'request.headers[x-tenant]', notValues: ['b'] })])],
    asked: [
      ['shop/web', { headers: ['x-tenant: a'] }, 'allow payments/p/0'],
      ['shop/web', { headers: ['x-tenant: b\xff'] }, 'deny'],
    ],
  },
  {
    name: 'what is not UTF-8 is denied',
    objects: [deny('d', [when({ key: 'request.headers[x-tenant]', values: ['b'] })])],
    asked: [
      ['shop/web', { headers: ['x-tenant: a'] }, 'allow'],
      ['shop/web', { headers: ['x-tenant: \xff'] }, 'deny payments/d/0'],
      ['shop/web', { headers: ['x-tenant: a', 'x-tenant: \xc3('] }, 'deny payments/d/0'],
      ['shop/web', { headers: ['x-other: \xff'] }, 'allow'],
    ],
  },
]
