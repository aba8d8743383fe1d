import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decideAt } from '../policy/decide.ts'
import { filePolicies } from '../policy/file-policies.ts'
import { migrateTexts } from './migrate-texts.ts'
import { yamlOf } from './print.ts'

interface Asked {
  readonly from?: string
  readonly address?: string
  readonly port?: number
  readonly ask?: string
  readonly host?: string
  readonly tenant?: string
  readonly claims?: Readonly<Record<string, unknown>>
}

const TEN = '10.1.1.1'
const EXCEPTED = '10.9.1.1'
const admin = { iss: 'https://issuer.example', sub: 'u', groups: ['admin'] }

/** What Istio decides of requests to shop/pay by golden/istio-authorization, with its DENY in force. */
const ISTIO: readonly (readonly [Asked, boolean])[] = [
  [{ from: 'shop/web', ask: 'POST /charge', tenant: 'a' }, true],
  [{ from: 'shop/web', ask: 'GET /charge', tenant: 'a' }, false],
  [{ from: 'shop/web', ask: 'POST /charge' }, false],
  [{ from: 'shop/web', ask: 'POST /charge', tenant: 'bcd' }, true],
  [{ from: 'shop/web', ask: 'POST /charge', tenant: 'b-not' }, false],
  [{ from: 'front/any', ask: 'POST /items/1', tenant: 'a' }, true],
  [{ from: 'front/any', ask: 'POST /items', tenant: 'a' }, false],
  [{ from: 'x/batch', ask: 'POST /a.png', tenant: 'a' }, true],
  [{ from: 'other/web', ask: 'POST /charge', tenant: 'a' }, false],
  [{ from: 'shop/web', ask: 'POST /users/7/cards/1', tenant: 'a' }, true],
  [{ from: 'shop/web', ask: 'POST /users/7/cards', tenant: 'a' }, false],
  [{ from: 'ops-test/batch', ask: 'POST /charge', tenant: 'a' }, false],
  [{ from: 'ops/me', address: TEN, ask: 'POST /charge', tenant: 'a' }, true],
  [{ from: 'ops/me', address: EXCEPTED, ask: 'POST /charge', tenant: 'a' }, false],
  [{ from: 'ops/guest', address: TEN, ask: 'POST /charge', tenant: 'a' }, false],
  [{ from: 'ops/me', ask: 'POST /charge', tenant: 'a' }, false],
  [{ from: 'shop/web', ask: 'GET /x', host: 'pay.example', tenant: 'a' }, true],
  [{ from: 'shop/web', ask: 'GET /x', host: 'PAY.example:8443', tenant: 'a' }, true],
  [{ from: 'shop/web', ask: 'GET /x', host: 'other.example', tenant: 'a' }, false],
  [{ from: 'shop/web', ask: 'GET /administer', host: 'pay.example', tenant: 'a' }, false],
  [{ from: 'shop/web', ask: 'DELETE /x', host: 'pay.example', tenant: 'a' }, false],
  [{ from: 'shop/web', ask: 'GET /x', host: 'pay.example', tenant: 'a', port: 9090 }, false],
  [{ from: 'ops/me', address: TEN, ask: 'POST /admin/x.png', tenant: 'a' }, true],
  [{ from: 'shop/web', ask: 'POST /admin/x.png', tenant: 'a' }, false],
  [{ from: 'shop/audit' }, true],
  [{ from: 'shop/audit', port: 1234 }, true],
  [{ from: 'shop/audit', ask: 'GET /admin/x' }, false],
  [{ from: 'x/y', claims: admin }, true],
  [{ from: 'x/y', claims: { ...admin, groups: ['user'] } }, false],
  [{ from: 'x/y', claims: { ...admin, iss: 'https://issuer.example.other' } }, false],
  [{ from: 'x/y', claims: admin, port: 9090 }, false],
  [{ from: 'istio-system/prober', ask: 'GET /ready' }, true],
  [{ from: 'istio-system/prober', ask: 'POST /ready' }, false],
  [{ from: 'shop/prober', ask: 'GET /ready' }, false],
  [{ ask: 'POST /charge', tenant: 'a' }, false],
  [{ claims: admin }, false],
  [{ port: 9090 }, false],
  [{ from: 'x/y' }, false],
]

/** What Linkerd decides by golden/linkerd-authorization; its 404 for what is of no route is a refusal here. */
const LINKERD: readonly (readonly [Asked, boolean])[] = [
  [{ from: 'shop/web', ask: 'POST /charge' }, true],
  [{ from: 'shop/web', ask: 'GET /charge' }, false],
  [{ from: 'front/reader', ask: 'GET /charge' }, true],
  [{ from: 'front/reader', ask: 'POST /other' }, false],
  [{ from: 'front/any', ask: 'GET /' }, false],
  [{ from: 'front/any', ask: 'DELETE /items' }, true],
  [{ from: 'front/any', ask: 'GET /items/1' }, true],
  [{ from: 'shop/batch', ask: 'GET /items/1' }, true],
  [{ from: 'shop/batch', ask: 'GET /itemsx' }, false],
  [{ from: 'front/reader', ask: 'GET /itemsx' }, true],
  [{ from: 'other/batch', ask: 'GET /items/1' }, false],
  [{ from: 'ops/x', address: TEN, ask: 'GET /z' }, true],
  [{ from: 'ops/x', address: EXCEPTED, ask: 'GET /z' }, false],
  [{ from: 'ops/x', ask: 'GET /z' }, false],
  [{ from: 'ops/x', address: TEN, ask: 'POST /z' }, false],
  [{ address: TEN, ask: 'POST /charge' }, false],
  [{ address: TEN, port: 9090 }, true],
  [{ address: EXCEPTED, port: 9090 }, false],
  [{ from: 'shop/web', port: 9090 }, false],
  [{ from: 'shop/web', port: 7070 }, true],
  [{ port: 7070 }, false],
  [{ port: 6060, ask: 'DELETE /whatever' }, true],
]

for (const [mesh, table] of [
  ['istio', ISTIO],
  ['linkerd', LINKERD],
] as const)
  t.test(`${mesh}: what is printed decides as what was read`, async (t) => {
    const input = readFileSync(
      join(import.meta.dirname, 'golden', `${mesh}-authorization`, 'input.yaml'),
      'utf8',
    ).replace("istio.io/dry-run: 'true'", "istio.io/dry-run: 'false'")
    const printed = yamlOf(migrateTexts(mesh, [{ origin: 'in.yaml', text: input }], 'default').migrated)
    // The workload is printed where it changes, and is taken from the input where it does not.
    const kept = input.split('---\n').filter((part) => /^kind: (?:Service|Deployment)$/m.test(part))
    const all = printed.includes('kind: Deployment') ? printed : [...kept, printed].join('\n---\n')
    const policies = await filePolicies([join(t.testdir({ 'all.yaml': all }), 'all.yaml')])
    const view = await policies.workload('shop', 'pay')
    if (!view) throw new Error('there is no pod shop/pay')
    for (const [asked, allowed] of table) {
      const { from, address = '192.0.2.1', port = 8080, ask = 'GET /', host = 'pay', tenant, claims } = asked
      const [method = '', path = ''] = ask.split(' ')
      const [namespace, account] = from?.split('/') ?? []
      const { verdict } = decideAt(view, {
        identity: from === undefined ? '' : `spiffe://cluster.local/ns/${namespace}/sa/${account}`,
        sourceAddress: address,
        destinationAddress: view.addresses[0] ?? '',
        port,
        sni: '',
        request: {
          method,
          authority: host,
          path,
          values: (name) => (name === 'x-tenant' && tenant !== undefined ? [tenant] : []),
          claims,
        },
        unknown: new Set(),
      })
      t.equal(verdict, allowed ? 'allowed' : 'refused', JSON.stringify(asked))
    }
  })
