import t from 'tap'
import { policyOverview } from './policy-view.ts'
import { MemorySource } from './registry/memory-source.ts'
import { Translator } from './translate/translate.ts'

const service = (name: string, namespace = 'shop'): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { clusterIP: None, ports: [{ port: 80 }] }\n`
const policy = (name: string, targets: string, section: string): string =>
  `apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: { name: ${name}, namespace: shop }\nspec: { targetRefs: [${targets}], ${section} }\n`

t.test('of a policy that is in force in part, why', (t) => {
  const source = MemorySource.of(
    `apiVersion: v1
kind: Pod
metadata: { name: db, namespace: shop, labels: { app: db } }
spec: { containers: [{ name: app, ports: [{ containerPort: 5432 }] }, { name: weft-proxy }] }
status: { podIP: 10.0.0.1 }
---
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: read, namespace: shop }
spec: { selector: { matchLabels: { app: db } }, rules: [{ to: [{ operation: { methods: [GET] } }] }] }
`,
  )
  const { policies } = policyOverview(
    new Translator({ trustDomain: 'cluster.local' }).translate(source.snapshot.value),
  )
  t.match(policies, [
    {
      kind: 'AuthorizationPolicy',
      name: 'read',
      targets: [{ accepted: true, partly: /^HttpFieldsOnTcpPort: .*5432/ }],
    },
  ])
  t.end()
})

t.test('policies with what became of them, and what they say to each Service in all', (t) => {
  const source = MemorySource.of(
    service('cart'),
    service('catalog'),
    service('web', 'front'),
    policy(
      'a',
      '{ kind: Namespace, name: shop }, { kind: Service, name: gone }',
      'retryBudget: { percent: 5 }',
    ),
    policy('b', '{ kind: Service, name: cart }', 'hedging: { after: 1s }'),
  )
  const mesh = new Translator({ trustDomain: 'cluster.local' }).translate(source.snapshot.value)
  const { policies, services } = policyOverview(mesh)
  t.match(policies, [
    {
      kind: 'TrafficPolicy',
      namespace: 'shop',
      name: 'a',
      targets: [
        { kind: 'Namespace', namespace: '', name: 'shop', accepted: true, reason: 'Accepted' },
        { kind: 'Service', namespace: 'shop', name: 'gone', accepted: false, reason: 'TargetNotFound' },
      ],
    },
    { name: 'b', targets: [{ name: 'cart', accepted: true, message: 'in force: hedging', partly: '' }] },
  ])
  const budget = { percent: 5, minimumPerSecond: 10 }
  t.same(services, [
    {
      namespace: 'shop',
      name: 'cart',
      settings: { retryBudget: budget, hedging: { afterMs: 1000, maximum: 1 } },
    },
    { namespace: 'shop', name: 'catalog', settings: { retryBudget: budget } },
  ])
  t.end()
})
