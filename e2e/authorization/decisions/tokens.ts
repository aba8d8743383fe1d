import type { Scene } from '../scene.ts'
import { allow, deny, from, when } from '../written.ts'

// Tokens of users, verified by RequestAuthentication before any policy.

const ALICE = { iss: 'https://issuer.example', sub: 'alice' }

export const TOKENS: readonly Scene[] = [
  {
    name: 'a request principal, whole',
    objects: [allow('p', [from({ requestPrincipals: ['https://issuer.example/alice'] })])],
    asked: [
      ['shop/web', { claims: ALICE }, 'allow payments/p/0'],
      ['', { claims: ALICE }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, sub: 'alice2' } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, iss: 'https://issuer-example' } }, 'deny'],
      ['shop/web', { claims: { iss: 'https://issuer.example' } }, 'deny'],
      ['shop/web', {}, 'deny'],
    ],
  },
  {
    name: 'all of an issuer',
    objects: [allow('p', [from({ requestPrincipals: ['https://issuer.example/*'] })])],
    asked: [
      ['shop/web', { claims: ALICE }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, sub: 'bob/x' } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, iss: 'https://issuer.example.org' } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, iss: 'https://other.example' } }, 'deny'],
      ['shop/web', {}, 'deny'],
    ],
  },
  {
    name: 'any token',
    objects: [allow('p', [from({ requestPrincipals: ['*'] })])],
    asked: [
      ['shop/web', { claims: ALICE }, 'allow payments/p/0'],
      ['shop/web', {}, 'deny'],
      ['shop/web', { headers: ['x-jwt: e30.e30.x'] }, 'deny'],
    ],
  },
  {
    name: 'no token is denied',
    objects: [deny('d', [from({ notRequestPrincipals: ['*'] })])],
    asked: [
      ['shop/web', { claims: ALICE }, 'allow'],
      ['shop/web', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'everybody but one',
    objects: [deny('d', [from({ notRequestPrincipals: ['https://issuer.example/alice'] })])],
    asked: [
      ['shop/web', { claims: ALICE }, 'allow'],
      ['shop/web', { claims: { ...ALICE, sub: 'bob' } }, 'deny payments/d/0'],
      ['shop/web', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'caller and user',
    objects: [allow('p', [from({ namespaces: ['shop'], requestPrincipals: ['https://issuer.example/*'] })])],
    asked: [
      ['shop/web', { claims: ALICE }, 'allow payments/p/0'],
      ['other/web', { claims: ALICE }, 'deny'],
      ['shop/web', {}, 'deny'],
    ],
  },
  {
    name: 'a claim of one text or a list',
    objects: [allow('p', [when({ key: 'request.auth.claims[groups]', values: ['admin', 'ops-*'] })])],
    asked: [
      ['shop/web', { claims: { ...ALICE, groups: 'admin' } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, groups: ['user', 'admin'] } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, groups: ['ops-eu'] } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, groups: ['administrator'] } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, groups: 'user admin' } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, groups: 'admin,user' } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, groups: [] } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, groups: [['admin']] } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, groups: { admin: true } } }, 'deny'],
      ['shop/web', { claims: ALICE }, 'deny'],
      ['shop/web', { headers: ['groups: admin'] }, 'deny'],
      ['shop/web', {}, 'deny'],
    ],
  },
  {
    name: 'a claim within another',
    objects: [allow('p', [when({ key: 'request.auth.claims[realm][roles]', values: ['clerk'] })])],
    asked: [
      ['shop/web', { claims: { ...ALICE, realm: { roles: ['clerk'] } } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, realm: { roles: 'clerk' } } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, realm: 'clerk' } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, roles: ['clerk'] } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, realm: { role: { roles: 'clerk' } } } }, 'deny'],
    ],
  },
  {
    name: 'numbers and true match nothing',
    objects: [allow('p', [when({ key: 'request.auth.claims[level]', values: ['5', 'true', '*'] })])],
    asked: [
      ['shop/web', { claims: { ...ALICE, level: '5' } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, level: 5 } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, level: true } }, 'deny'],
    ],
  },
  {
    name: 'a claim that it must not have',
    objects: [deny('d', [when({ key: 'request.auth.claims[groups]', notValues: ['staff'] })])],
    asked: [
      ['shop/web', { claims: { ...ALICE, groups: ['staff'] } }, 'allow'],
      ['shop/web', { claims: { ...ALICE, groups: ['user'] } }, 'deny payments/d/0'],
      ['shop/web', { claims: ALICE }, 'deny payments/d/0'],
      ['shop/web', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'names that every object has are no claims',
    objects: [allow('p', [when({ key: 'request.auth.claims[constructor][name]', values: ['*'] })])],
    asked: [
      ['shop/web', { claims: ALICE }, 'deny'],
      ['shop/web', { claims: { ...ALICE, constructor: { name: 'x' } } }, 'allow payments/p/0'],
    ],
  },
  {
    name: 'principal, audiences and presenter',
    objects: [
      allow('p', [
        when(
          { key: 'request.auth.principal', values: ['https://issuer.example/alice'] },
          { key: 'request.auth.audiences', values: ['pay'] },
          { key: 'request.auth.presenter', values: ['portal'] },
        ),
      ]),
    ],
    asked: [
      ['shop/web', { claims: { ...ALICE, aud: 'pay', azp: 'portal' } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, aud: ['mail', 'pay'], azp: 'portal' } }, 'allow payments/p/0'],
      ['shop/web', { claims: { ...ALICE, aud: ['mail'], azp: 'portal' } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, aud: 'pay', azp: 'other' } }, 'deny'],
      ['shop/web', { claims: { ...ALICE, sub: 'bob', aud: 'pay', azp: 'portal' } }, 'deny'],
    ],
  },
]
