import type { Scene } from '../scene.ts'
import { allow, deny, from } from '../written.ts'

// Who calls: the SPIFFE ID of the certificate, and nothing else.

export const IDENTITIES: readonly Scene[] = [
  {
    name: 'a principal, whole',
    objects: [allow('p', [from({ principals: ['spiffe://cluster.local/ns/shop/sa/web'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/web-2', {}, 'deny'],
      ['shop/we', {}, 'deny'],
      ['shop/Web', {}, 'deny'],
      ['shop-2/web', {}, 'deny'],
      ['payments/pay', {}, 'deny'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny'],
      ['', {}, 'deny'],
      ['', { headers: ['x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/web'] }, 'deny'],
      ['shop/web', { address: '203.0.113.9' }, 'allow payments/p/0'],
    ],
  },
  {
    name: 'a principal without spiffe://',
    objects: [allow('p', [from({ principals: ['cluster.local/ns/shop/sa/web'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/web2', {}, 'deny'],
      ['spiffe://x.cluster.local/ns/shop/sa/web', {}, 'deny'],
    ],
  },
  {
    name: 'the beginning of a principal',
    objects: [allow('p', [from({ principals: ['cluster.local/ns/shop/*'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/cart', {}, 'allow payments/p/0'],
      ['shop-2/web', {}, 'deny'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'the end of a principal',
    objects: [allow('p', [from({ principals: ['*/sa/web'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['other/web', {}, 'allow payments/p/0'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'allow payments/p/0'],
      ['shop/my-web', {}, 'deny'],
      ['shop/web-2', {}, 'deny'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'any principal',
    objects: [allow('p', [from({ principals: ['*'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['spiffe://partner.example/ns/a/sa/b', {}, 'allow payments/p/0'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'a dot in a principal is a dot',
    objects: [allow('p', [from({ principals: ['cluster.local/ns/shop/sa/web.v1'] })])],
    asked: [
      ['shop/web.v1', {}, 'allow payments/p/0'],
      ['shop/web-v1', {}, 'deny'],
      ['shop/webxv1', {}, 'deny'],
      ['spiffe://cluster-local/ns/shop/sa/web.v1', {}, 'deny'],
    ],
  },
  {
    name: 'several principals',
    objects: [
      allow('p', [from({ principals: ['cluster.local/ns/shop/sa/web', 'cluster.local/ns/shop/sa/cart'] })]),
    ],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/cart', {}, 'allow payments/p/0'],
      ['shop/mail', {}, 'deny'],
    ],
  },
  {
    name: 'all principals but one are denied',
    objects: [deny('d', [from({ notPrincipals: ['cluster.local/ns/shop/sa/web'] })])],
    asked: [
      ['shop/web', {}, 'allow'],
      ['shop/cart', {}, 'deny payments/d/0'],
      ['', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'plaintext holds for any notPrincipals',
    objects: [allow('p', [from({ notPrincipals: ['cluster.local/ns/shop/*'] })])],
    asked: [
      ['shop/web', {}, 'deny'],
      ['other/web', {}, 'allow payments/p/0'],
      ['', {}, 'allow payments/p/0'],
    ],
  },
  {
    name: 'nobody without an identity, and not of shop',
    objects: [allow('p', [from({ principals: ['*'], notPrincipals: ['cluster.local/ns/shop/*'] })])],
    asked: [
      ['shop/web', {}, 'deny'],
      ['other/web', {}, 'allow payments/p/0'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'plaintext alone is denied',
    objects: [deny('d', [from({ notPrincipals: ['*'] })])],
    asked: [
      ['shop/web', {}, 'allow'],
      ['spiffe://partner.example/ns/a/sa/b', {}, 'allow'],
      ['', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a namespace',
    objects: [allow('p', [from({ namespaces: ['shop'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/default', {}, 'allow payments/p/0'],
      ['shopping/web', {}, 'deny'],
      ['my-shop/web', {}, 'deny'],
      ['shop-2/web', {}, 'deny'],
      ['payments/pay', {}, 'deny'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'the beginning of a namespace',
    objects: [allow('p', [from({ namespaces: ['team-*'] })])],
    asked: [
      ['team-a/web', {}, 'allow payments/p/0'],
      ['team-/web', {}, 'allow payments/p/0'],
      ['team/web', {}, 'deny'],
      ['teams/web', {}, 'deny'],
      ['a-team-b/web', {}, 'deny'],
      ['spiffe://partner.example/ns/team-a/sa/web', {}, 'deny'],
    ],
  },
  {
    name: 'all namespaces but one are denied',
    objects: [deny('d', [from({ notNamespaces: ['payments', 'shop'] })])],
    asked: [
      ['shop/web', {}, 'allow'],
      ['payments/ledger', {}, 'allow'],
      ['other/web', {}, 'deny payments/d/0'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny payments/d/0'],
      ['', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a namespace, and nobody of another one',
    objects: [allow('p', [from({ namespaces: ['team-*'], notNamespaces: ['team-b'] })])],
    asked: [
      ['team-a/web', {}, 'allow payments/p/0'],
      ['team-b/web', {}, 'deny'],
      ['team-bc/web', {}, 'allow payments/p/0'],
    ],
  },
  {
    name: 'a service account of another namespace',
    objects: [allow('p', [from({ serviceAccounts: ['shop/web'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/web2', {}, 'deny'],
      ['payments/web', {}, 'deny'],
      ['other/web', {}, 'deny'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'a service account of the own namespace',
    objects: [allow('p', [from({ serviceAccounts: ['web'] })])],
    asked: [
      ['payments/web', {}, 'allow payments/p/0'],
      ['shop/web', {}, 'deny'],
      ['payments/web2', {}, 'deny'],
    ],
  },
  {
    name: 'a dot in a service account is a dot',
    objects: [allow('p', [from({ serviceAccounts: ['shop/web.v1'] })])],
    asked: [
      ['shop/web.v1', {}, 'allow payments/p/0'],
      ['shop/web-v1', {}, 'deny'],
    ],
  },
  {
    name: 'all service accounts but one are denied',
    objects: [deny('d', [from({ notServiceAccounts: ['shop/web'] })])],
    asked: [
      ['shop/web', {}, 'allow'],
      ['payments/web', {}, 'deny payments/d/0'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny payments/d/0'],
      ['', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a trust domain',
    objects: [allow('p', [from({ trustDomains: ['partner.example'] })])],
    asked: [
      ['spiffe://partner.example/ns/a/sa/b', {}, 'allow payments/p/0'],
      ['spiffe://partner.example.org/ns/a/sa/b', {}, 'deny'],
      ['spiffe://my.partner.example/ns/a/sa/b', {}, 'deny'],
      ['spiffe://partner-example/ns/a/sa/b', {}, 'deny'],
      ['shop/web', {}, 'deny'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'the own trust domain',
    objects: [allow('p', [from({ trustDomains: ['cluster.local'] })])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'other trust domains are denied',
    objects: [deny('d', [from({ notTrustDomains: ['cluster.local'] })])],
    asked: [
      ['shop/web', {}, 'allow'],
      ['spiffe://partner.example/ns/shop/sa/web', {}, 'deny payments/d/0'],
      ['', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'all fields of a source must hold, and one source is enough',
    objects: [
      allow('p', [
        from(
          { namespaces: ['shop'], notServiceAccounts: ['shop/mail'] },
          { principals: ['cluster.local/ns/other/sa/web'], trustDomains: ['cluster.local'] },
        ),
      ]),
    ],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/mail', {}, 'deny'],
      ['other/web', {}, 'allow payments/p/0'],
      ['other/cart', {}, 'deny'],
    ],
  },
]
