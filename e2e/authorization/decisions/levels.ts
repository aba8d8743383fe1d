import type { Scene } from '../scene.ts'
import { allow, audit, deny, from, meshPolicy, to } from '../written.ts'

// Several policies, of several levels; defaults; dry runs; audit; a pod that calls itself.

const WEB = from({ serviceAccounts: ['shop/web'] })
const PAY = { selector: { matchLabels: { app: 'pay' } } }
const SELF = { address: '10.1.0.1' }

export const LEVELS: readonly Scene[] = [
  {
    name: 'no policy',
    objects: [],
    asked: [
      ['shop/web', {}, 'allow'],
      ['', {}, 'allow'],
      ['shop/web', { to: 'pay:5432' }, 'allow'],
    ],
  },
  {
    name: 'DENY beats ALLOW',
    objects: [allow('p', [from({ namespaces: ['shop'] })]), deny('d', [to({ paths: ['/admin/*'] })])],
    asked: [
      ['shop/web', { path: '/x' }, 'allow payments/p/0'],
      ['shop/web', { path: '/admin/x' }, 'deny payments/d/0'],
      ['other/web', { path: '/x' }, 'deny'],
      ['other/web', { path: '/admin/x' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'ALLOW policies add up',
    objects: [
      allow('a', [WEB]),
      allow('b', [from({ serviceAccounts: ['shop/cart'] }), from({ serviceAccounts: ['shop/mail'] })]),
    ],
    asked: [
      ['shop/web', {}, 'allow payments/a/0'],
      ['shop/cart', {}, 'allow payments/b/0'],
      ['shop/mail', {}, 'allow payments/b/1'],
      ['shop/other', {}, 'deny'],
    ],
  },
  {
    name: 'an ALLOW without rules closes what it covers',
    objects: [allow('none')],
    asked: [
      ['shop/web', {}, 'deny'],
      ['payments/ledger', {}, 'deny'],
      ['', { to: 'pay:5432' }, 'deny'],
      ['shop/web', { to: 'cart:8080' }, 'allow'],
    ],
  },
  {
    name: 'a rule {} matches everything',
    objects: [allow('all', [{}])],
    asked: [
      ['shop/web', {}, 'allow payments/all/0'],
      ['', {}, 'allow payments/all/0'],
      ['', { to: 'pay:5432' }, 'allow payments/all/0'],
    ],
  },
  {
    name: 'a DENY {} refuses everything',
    objects: [deny('all', [{}]), allow('p', [{}])],
    asked: [
      ['shop/web', {}, 'deny payments/all/0'],
      ['', { to: 'pay:5432' }, 'deny payments/all/0'],
    ],
  },
  {
    name: 'a policy of pods',
    objects: [allow('p', [WEB], PAY)],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow payments/p/0'],
      ['shop/cart', { to: 'pay:8080' }, 'deny'],
      ['shop/cart', { to: 'ledger:8080' }, 'allow'],
      ['shop/web', { to: 'ledger:8080' }, 'allow'],
    ],
  },
  {
    name: 'a selector wants all of its labels',
    objects: [allow('p', [WEB], { selector: { matchLabels: { app: 'pay', tier: 'back' } } })],
    asked: [
      ['shop/cart', { to: 'pay:8080' }, 'deny'],
      ['shop/cart', { to: 'ledger:8080' }, 'allow'],
    ],
  },
  {
    name: 'a selector that selects nothing',
    objects: [allow('p', [WEB], { selector: { matchLabels: { app: 'pay', tier: 'front' } } })],
    asked: [['shop/cart', { to: 'pay:8080' }, 'allow']],
  },
  {
    name: 'the whole namespace, by a target',
    objects: [allow('p', [WEB], { targetRefs: [{ group: '', kind: 'Namespace', name: 'payments' }] })],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/cart', { to: 'ledger:8080' }, 'deny'],
      ['shop/cart', { to: 'cart:8080' }, 'allow'],
    ],
  },
  {
    name: 'the whole mesh',
    objects: [allow('weft-system/p', [WEB])],
    asked: [
      ['shop/web', { to: 'pay:8080' }, 'allow weft-system/p/0'],
      ['shop/web', { to: 'cart:8080' }, 'allow weft-system/p/0'],
      ['shop/cart', { to: 'cart:8080' }, 'deny'],
      ['', { to: 'pay:5432' }, 'deny'],
    ],
  },
  {
    name: 'a service account without namespace, of the whole mesh',
    objects: [allow('weft-system/p', [from({ serviceAccounts: ['prober'] })])],
    asked: [
      ['weft-system/prober', {}, 'allow weft-system/p/0'],
      ['payments/prober', {}, 'deny'],
    ],
  },
  {
    name: 'levels add up, and none beats another',
    objects: [
      allow('weft-system/prober', [from({ serviceAccounts: ['prober'] })]),
      allow('namespace', [from({ namespaces: ['payments'] })]),
      allow('pods', [WEB], PAY),
      deny('weft-system/no', [from({ serviceAccounts: ['shop/banned'] })]),
      deny('no', [to({ methods: ['TRACE'] })], PAY),
    ],
    asked: [
      ['weft-system/prober', {}, 'allow weft-system/prober/0'],
      ['payments/ledger', {}, 'allow payments/namespace/0'],
      ['shop/web', {}, 'allow payments/pods/0'],
      ['shop/web', { to: 'ledger:8080' }, 'deny'],
      ['shop/banned', {}, 'deny weft-system/no/0'],
      ['shop/banned', { to: 'cart:8080' }, 'deny weft-system/no/0'],
      ['shop/web', { to: 'cart:8080' }, 'deny'],
      ['payments/ledger', { method: 'TRACE' }, 'deny payments/no/0'],
      ['payments/ledger', { method: 'TRACE', to: 'ledger:8080' }, 'allow payments/namespace/0'],
    ],
  },
  {
    name: 'a wide ALLOW stays what it is beside a near one',
    objects: [allow('weft-system/all', [{}]), allow('pods', [WEB], PAY)],
    asked: [
      ['other/x', { to: 'pay:8080' }, 'allow weft-system/all/0'],
      ['', { to: 'pay:8080' }, 'allow weft-system/all/0'],
    ],
  },
  {
    name: 'policies of other namespaces say nothing',
    objects: [allow('shop/p', [WEB]), deny('shop/d', [{}], PAY)],
    asked: [
      ['other/x', { to: 'pay:8080' }, 'allow'],
      ['shop/web', { to: 'cart:8080' }, 'allow shop/p/0'],
      ['other/x', { to: 'cart:8080' }, 'deny'],
    ],
  },
]

export const DEFAULTS: readonly Scene[] = [
  {
    name: 'by default nobody',
    objects: [meshPolicy({ authorization: { default: 'Deny' } })],
    asked: [
      ['shop/web', {}, 'deny'],
      ['payments/ledger', {}, 'deny'],
      ['', {}, 'deny'],
      ['payments/ledger', { to: 'pay:5432' }, 'deny'],
    ],
  },
  {
    name: 'by default the same namespace',
    objects: [meshPolicy({ authorization: { default: 'SameNamespace' } })],
    asked: [
      ['payments/ledger', {}, 'allow mesh/default/SameNamespace'],
      ['payments/ledger', { to: 'pay:5432' }, 'allow mesh/default/SameNamespace'],
      ['shop/web', {}, 'deny'],
      ['shop/web', { to: 'cart:8080' }, 'allow mesh/default/SameNamespace'],
      ['payments-2/ledger', {}, 'deny'],
      ['payment/ledger', {}, 'deny'],
      ['spiffe://partner.example/ns/payments/sa/ledger', {}, 'deny'],
      ['', {}, 'deny'],
    ],
  },
  {
    name: 'an ALLOW takes the place of the default',
    objects: [meshPolicy({ authorization: { default: 'SameNamespace' } }), allow('p', [WEB], PAY)],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['payments/ledger', {}, 'deny'],
      ['payments/pay', { to: 'ledger:8080' }, 'allow mesh/default/SameNamespace'],
      ['shop/web', { to: 'ledger:8080' }, 'deny'],
    ],
  },
  {
    name: 'a DENY leaves the default as it is',
    objects: [
      meshPolicy({ authorization: { default: 'SameNamespace' } }),
      deny('d', [to({ paths: ['/admin'] })]),
    ],
    asked: [
      ['payments/ledger', { path: '/x' }, 'allow mesh/default/SameNamespace'],
      ['payments/ledger', { path: '/admin' }, 'deny payments/d/0'],
      ['shop/web', { path: '/x' }, 'deny'],
    ],
  },
  {
    name: 'an exception for a namespace',
    objects: [
      meshPolicy({
        authorization: { default: 'Deny' },
        namespaces: [{ name: 'shop', authorization: { default: 'Allow' } }],
      }),
    ],
    asked: [
      ['', { to: 'cart:8080' }, 'allow'],
      ['shop/cart', {}, 'deny'],
    ],
  },
  {
    name: 'a namespace that is closed in an open mesh',
    objects: [meshPolicy({ namespaces: [{ name: 'payments', authorization: { default: 'Deny' } }] })],
    asked: [
      ['payments/ledger', {}, 'deny'],
      ['', { to: 'cart:8080' }, 'allow'],
    ],
  },
  {
    name: 'the default takes nobody in whom an ALLOW does not',
    objects: [meshPolicy({ authorization: { default: 'Allow' } }), allow('p', [WEB])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['other/x', {}, 'deny'],
    ],
  },
]

export const MODES: readonly Scene[] = [
  {
    name: 'a DENY on trial',
    objects: [deny('d', [to({ paths: ['/admin'] })], { mode: 'DryRun' })],
    asked: [
      ['shop/web', { path: '/admin' }, 'allow, dry run: deny payments/d/0'],
      ['shop/web', { path: '/x' }, 'allow'],
    ],
  },
  {
    name: 'an ALLOW on trial covers nothing yet',
    objects: [allow('p', [WEB], { mode: 'DryRun' })],
    asked: [
      ['shop/web', {}, 'allow'],
      ['shop/cart', {}, 'allow, dry run: deny'],
      ['', { to: 'pay:5432' }, 'allow, dry run: deny'],
    ],
  },
  {
    name: 'on trial beside what is in force',
    objects: [
      allow('p', [from({ namespaces: ['shop'] })]),
      deny('d', [from({ serviceAccounts: ['shop/cart'] })], { mode: 'DryRun' }),
    ],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/cart', {}, 'allow payments/p/0, dry run: deny payments/d/0'],
      ['other/x', {}, 'deny'],
    ],
  },
  {
    name: 'an ALLOW on trial lets nobody in',
    objects: [allow('p', [WEB]), allow('q', [from({ serviceAccounts: ['shop/cart'] })], { mode: 'DryRun' })],
    asked: [
      ['shop/web', {}, 'allow payments/p/0'],
      ['shop/cart', {}, 'deny, dry run: allow payments/q/0'],
      ['other/x', {}, 'deny'],
    ],
  },
  {
    name: 'a namespace on trial',
    objects: [
      meshPolicy({ authorization: { default: 'Deny', dryRunNamespaces: ['payments'] } }),
      deny('d', [from({ serviceAccounts: ['shop/cart'] })]),
    ],
    asked: [
      ['shop/cart', {}, 'allow, dry run: deny payments/d/0'],
      ['shop/web', {}, 'allow, dry run: deny'],
      ['shop/web', { to: 'cart:8080' }, 'deny'],
    ],
  },
  {
    name: 'AUDIT decides nothing',
    objects: [audit('log', [from({ namespaces: ['shop'] })]), allow('p', [WEB])],
    asked: [
      ['shop/web', {}, 'allow payments/p/0, audit: payments/log/0'],
      ['shop/cart', {}, 'deny, audit: payments/log/0'],
      ['other/x', {}, 'deny'],
    ],
  },
  {
    name: 'AUDIT alone covers nothing',
    objects: [audit('log', [to({ paths: ['/admin'] }), from({ namespaces: ['shop'] })])],
    asked: [
      ['shop/web', { path: '/admin' }, 'allow, audit: payments/log/0 payments/log/1'],
      ['shop/web', {}, 'allow, audit: payments/log/1'],
      ['', {}, 'allow'],
    ],
  },
  {
    name: 'a pod that calls itself is left alone',
    objects: [allow('p', [WEB]), deny('d', [to({ paths: ['/admin'] })])],
    asked: [
      ['payments/pay', SELF, 'allow mesh/self'],
      ['payments/pay', { ...SELF, path: '/admin' }, 'allow mesh/self'],
      ['payments/pay', { ...SELF, to: 'pay:5432' }, 'allow mesh/self'],
      ['payments/pay', {}, 'deny'],
      ['', SELF, 'deny'],
      ['payments/ledger', SELF, 'deny'],
      ['payments/pay', { ...SELF, to: 'ledger:8080' }, 'deny'],
      ['shop/web', { path: '/admin' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a pod that calls itself, where the policy says so',
    objects: [
      allow('p', [WEB], { appliesToSelf: true }),
      deny('d', [to({ paths: ['/admin'] })], { appliesToSelf: true }),
    ],
    asked: [
      ['payments/pay', SELF, 'deny'],
      ['payments/pay', { ...SELF, path: '/admin' }, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a pod that calls itself, and a DENY alone',
    objects: [deny('d', [from({ notNamespaces: ['shop'] })])],
    asked: [
      ['payments/pay', SELF, 'allow'],
      ['payments/pay', {}, 'deny payments/d/0'],
    ],
  },
  {
    name: 'a pod that calls itself, by default',
    objects: [meshPolicy({ authorization: { default: 'Deny' } })],
    asked: [
      ['payments/pay', SELF, 'allow mesh/self'],
      ['payments/pay', {}, 'deny'],
    ],
  },
]
