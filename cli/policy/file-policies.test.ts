import { join } from 'node:path'
import t from 'tap'
import { decideAt } from './decide.ts'
import { filePolicies } from './file-policies.ts'

const SHOP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: pay, namespace: payments }
spec:
  selector: { matchLabels: { app: pay } }
  template:
    metadata: { labels: { app: pay }, annotations: { weft.dev/exclude-inbound-ports: '9999' } }
    spec:
      serviceAccountName: pay
      containers: [{ name: app, image: pay, ports: [{ name: web, containerPort: 9090 }] }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ledger, namespace: payments }
spec:
  selector: { matchLabels: { app: pay } }
  template:
    metadata: { labels: { app: pay } }
    spec: { containers: [{ name: app, image: ledger, ports: [{ name: web, containerPort: 7070 }] }] }
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: { name: pay, namespace: payments }
    spec: { selector: { app: pay }, ports: [{ name: http, port: 8080, targetPort: web }, { name: http-b, port: 81 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: alone, namespace: payments }
spec: { containers: [{ name: app, image: x }] }
status: { podIP: 10.9.9.9 }
---
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: pay, namespace: payments }
spec:
  selector: { matchLabels: { app: pay } }
  rules: [{ from: [{ source: { serviceAccounts: ['shop/web'] } }], to: [{ operation: { ports: [9090] } }] }]
`

t.test(
  'manifests are read as a mesh would have them: a pod of each workload, behind its Services',
  async (t) => {
    const directory = t.testdir({ 'shop.yaml': SHOP })
    const policies = await filePolicies([directory])
    const { kind, targets } = await policies.targets('payments', 'pay', 8080)
    t.equal(kind, 'Service')
    t.match(
      targets
        .map(({ pod, port, meshed }) => [pod, port, meshed])
        .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      [
        ['ledger', 7070, true],
        ['pay', 9090, true],
      ],
      "each at the number that the Service's port has there",
    )
    t.match((await policies.targets('payments', 'pay', 81)).targets, [{ port: 81 }, { port: 81 }])
    t.match(await policies.targets('payments', 'pay', 82), { ports: [8080, 81], targets: [] })
    t.match(await policies.targets('payments', 'alone', 5000), {
      kind: 'Pod',
      targets: [{ pod: 'alone', port: 5000 }],
    })
    t.match(await policies.targets('payments', 'none', 80), { kind: 'none', targets: [] })

    const pay = await policies.workload('payments', 'pay')
    t.match(pay, {
      identity: 'spiffe://cluster.local/ns/payments/sa/pay',
      notCovered: [{ what: 'port 9999' }, { what: 'port 15021' }],
    })
    t.equal(pay?.ports.at(-1)?.port, null)
    const decided = (identity: string) =>
      pay &&
      decideAt(pay, {
        identity,
        sourceAddress: '10.0.0.1',
        destinationAddress: pay.addresses[0] ?? '',
        port: 9090,
        sni: '',
        request: { method: 'GET', authority: '', path: '/', values: () => [], claims: undefined },
        unknown: new Set(),
      })
    t.match(decided('spiffe://cluster.local/ns/shop/sa/web'), { verdict: 'allowed', rule: 'payments/pay/0' })
    t.match(decided('spiffe://cluster.local/ns/shop/sa/other'), {
      verdict: 'refused',
      explanation: { nearest: { rule: 'payments/pay/0', unmet: { length: 1 } } },
      sources: { 'payments/pay/0': { level: 'selector' } },
    })
  },
)

t.test('what cannot be read is told with file, line and field', async (t) => {
  const directory = t.testdir({
    'bad.yaml':
      'apiVersion: weft.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: { name: x }\nspec:\n  action: PERMIT\n  rules: [{}]\n',
    empty: {},
  })
  await t.rejects(filePolicies([join(directory, 'bad.yaml')]), {
    code: 'policy.manifests',
    message: /bad\.yaml:5.*spec\.action/,
  })
  await t.rejects(filePolicies([join(directory, 'none')]), { code: 'local.manifests' })
})
