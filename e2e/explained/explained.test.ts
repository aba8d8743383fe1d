import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import type { ExplainAnswer, TraceExplanation } from '../../core/api/explanation.ts'
import type { RefusalView } from '../../control-plane/serve/telemetry/decision-store.ts'
import { startCluster } from '../../local/cluster.ts'
import { DASHBOARD_TARGET } from '../../local/control/status.ts'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import { demoCluster } from '../demo/demo-cluster.ts'
import { eventually } from '../demo/scenario.ts'
import { callers, MANIFESTS } from './manifests.ts'

// A refusal on a mesh, and what the command line says of it: who, whom, which rule, and what would have to change.

/** A route of `pay` for what begins with this path. */
const routeOf = (value: string): string =>
  JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'pay', namespace: 'payments' },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'pay' }],
      rules: [
        { matches: [{ path: { type: 'PathPrefix', value } }], backendRefs: [{ name: 'pay', port: 80 }] },
      ],
    },
  })

/** What `weft diff --json` prints. */
interface DiffTold {
  readonly resources: readonly object[]
  readonly proxies: readonly string[]
  readonly routing: { readonly changed: readonly { readonly from: string }[] }
}

/** What `weft bundle --json` prints. */
interface BundleTold {
  readonly files: readonly { readonly name: string; readonly bytes: number }[]
  readonly leftOut: readonly object[]
}

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false
const PATIENCE_S = 60
const WEFT = join(import.meta.dirname, '../../cli/weft.ts')
const INTRUDER = 'spiffe://cluster.local/ns/other/sa/default'

/** What a pod is answered, as `403 access denied, ...`. */
const GET = `fetch(process.argv[1]).then(async (r) => console.log(r.status, await r.text()))`
const CONNECT = `require('node:net').connect(9000, 'pay.payments').on('error', () => {}).on('close', () => console.log('closed'))`

t.test(
  'who is refused is told why, by a reference and before it happens',
  { skip, timeout: 120_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-test-explained-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    for (const [file, text] of Object.entries(MANIFESTS)) writeFileSync(join(directory, file), text)
    const name = `explained-${process.pid}`
    const cluster = await startCluster({
      manifests: [directory],
      name,
      images: { 'weft.dev/demo': join(import.meta.dirname, '../demo/app') },
    })
    t.teardown(() => cluster.close())
    await cluster.ready
    const mesh = demoCluster(cluster, `http://127.0.0.1:${await cluster.expose(DASHBOARD_TARGET)}`)
    const { weft } = mesh
    const get = async (pod: string, path: string) =>
      (await cluster.exec(pod, ['node', '-e', GET, `http://pay.payments${path}`])).stdout
    const refusals = async () =>
      ((await mesh.api('/api/authorization/decisions')) as { refusals: RefusalView[] }).refusals

    await eventually(PATIENCE_S, 'the answer to whom the policy lets in', async () =>
      (await get('shop/web', '/items/1')).startsWith('200') ? true : undefined,
    )
    const refused = await get('other/intruder', '/items/1')
    t.match(refused, /^403 access denied, reference [0-9a-f]{32}\s*$/, 'and nothing else is told')
    const reference = /[0-9a-f]{32}/.exec(refused)?.[0] ?? ''

    await t.test('weft why tells who, whom, the nearest rule and what of it is not met', async (t) => {
      const why = await eventually(PATIENCE_S, 'an explanation', async () => {
        const told = await weft('why', reference)
        return told.code === 0 ? told.stdout : undefined
      })
      t.match(why, /payments\/pay[^,]*, port 8080, refused GET \/items\/1 of pay\.payments\n/)
      t.match(why, `caller: ${INTRUDER}, from `)
      t.match(why, 'because no rule let it in')
      t.match(why, 'payments/pay/0 (Service pay) comes nearest; this would have to change:')
      t.match(why, `    caller is ${INTRUDER}, the rule asks for spiffe://cluster.local/ns/shop/*\n`)
      const [told] = await refusals()
      t.match(told, { reference, rule: '', dryRun: false, from: { identity: INTRUDER }, to: { port: 8080 } })
    })

    await t.test('weft policy test says the same before anybody asks', async (t) => {
      const ask = ['policy', 'test', '--to', 'payments/pay:80', '/items/1']
      t.match(await weft(...ask, '--from', 'other/default'), {
        code: 3,
        stdout:
          /^refused at payments\/pay.*port 8080\n {2}no rule lets it in; payments\/pay\/0 \(Service pay\) comes nearest/,
      })
      t.match(await weft(...ask, '--from', 'shop/default'), { code: 0, stdout: /^allowed at payments\/pay/ })
    })

    await t.test('weft explain asks the sidecars of both sides what becomes of it', async (t) => {
      const ask = async (from: string, ...more: readonly string[]) => {
        const told = await weft(
          'explain',
          '--from',
          from,
          '--to',
          'http://pay.payments/items/1',
          '--json',
          ...more,
        )
        return JSON.parse(told.stdout) as ExplainAnswer
      }
      const allowed = await ask('shop/web')
      t.match(allowed, {
        caller: { outcome: 'forwarded', namespace: 'shop', sent: { method: 'GET', path: '/items/1' } },
        server: {
          outcome: 'forwarded',
          namespace: 'payments',
          policy: { decision: 'allowed', rule: 'payments/pay/0' },
        },
      })
      t.ok(allowed.caller.backends.some(({ endpoints }) => endpoints.some(({ odds }) => odds > 0.9)))
      t.match(await ask('other/intruder'), {
        caller: { policy: { decision: 'denied' } },
        server: {
          outcome: 'refused',
          status: 403,
          policy: { rule: 'none', reason: new RegExp(`payments/pay/0 comes nearest: caller is ${INTRUDER}`) },
        },
      })
      const text = await weft('explain', '--from', 'other/intruder', '--to', 'http://pay.payments/items/1')
      t.match(text, {
        code: 0,
        stdout: /\nat payments\/pay[^:]*: the sidecar of payments\/pay[^ ]* refuses it: 403/,
      })
      t.match(await weft('explain', '--from', 'shop/wep', '--to', 'http://pay.payments/'), {
        code: 1,
        stderr: /from: there is no workload or pod shop\/wep with a sidecar: .*was shop\/web meant\?/,
      })
      t.match((await weft('explain', '--from', 'shop/web', '--to', 'pay')).code, 2)
      const happened = await eventually(PATIENCE_S, 'both sides of the trace', async () => {
        const told = await weft('explain', '--trace', reference, '--json')
        if (told.code !== 0) return undefined
        const trace = JSON.parse(told.stdout) as TraceExplanation
        return trace.hops.some(({ direction, now }) => direction === 'inbound' && now) ? trace : undefined
      })
      t.match(
        happened.hops.find(({ direction }) => direction === 'inbound'),
        { now: { status: 403 }, differs: [] },
      )
    })

    await t.test(
      'weft diff tells of a route that is not applied where requests that were made would go',
      async (t) => {
        const file = join(directory, '..', `weft-test-route-${process.pid}.json`)
        t.teardown(() => rmSync(file, { force: true }))
        const isIntruder = ({ from }: { readonly from: string }): boolean => from === 'other/intruder'
        const told = async (path: string) => {
          writeFileSync(file, routeOf(path))
          const { code, stdout } = await weft('diff', '-f', file, '--json')
          return { code, ...(JSON.parse(stdout) as DiffTold) }
        }
        const changed = await eventually(PATIENCE_S, 'the trace of a request', async () => {
          const found = await told('/other')
          return found.routing.changed.some(isIntruder) ? found : undefined
        })
        t.equal(changed.code, 3)
        // One of `web` is among them where it was slow, or its trace one of a hundred.
        t.match(changed.routing.changed.filter(isIntruder), [
          {
            change: 'answered',
            from: 'other/intruder',
            host: 'pay.payments',
            path: '/items/1',
            is: '404 by no rule',
          },
        ])
        t.match(changed.resources, [{ type: 'route', name: 'payments/pay/80', change: 'changed' }])
        t.ok(changed.proxies.some((one) => one.startsWith('shop/web')))
        const same = await told('/')
        t.match(same, { routing: { changed: [] }, resources: [{ name: 'payments/pay/80' }] })
        t.equal(same.code, 0, 'what does the same changes nothing for anybody')
      },
    )

    await t.test('weft bundle takes it all along, without what was secret of a request', async (t) => {
      const secret = 'planted-in-a-request-1'
      const ask = `fetch('http://pay.payments/items/1?token=${secret}', { headers: { authorization: 'Bearer ${secret}' } })`
      t.match(await cluster.exec('shop/web', ['node', '-e', ask]), { code: 0 })
      const file = join(directory, 'bundle.tar.gz')
      const told = await weft('bundle', '-o', file, '--json', '--application-logs')
      t.equal(told.code, 0, told.stderr)
      const { files, leftOut } = JSON.parse(told.stdout) as BundleTold
      t.strictSame(leftOut, [])
      for (const pattern of [
        /^status\.json$/,
        /^events\.json$/,
        /^objects\.json$/,
        /^control-planes\/weft-control-plane\/problems\.json$/,
        /^sidecars\/payments\/pay[^/]*\/config\.json$/,
        /^sidecars\/shop\/web[^/]*\/stats\.json$/,
        /^logs\/payments\/pay[^/]*\/weft-proxy\.log$/,
        /^logs\/payments\/pay[^/]*\/app\.log$/,
      ])
        t.ok(
          files.some(({ name }) => pattern.test(name)),
          `${pattern} of ${files.map(({ name }) => name).join(' ')}`,
        )
      const text = gunzipSync(readFileSync(file)).toString('latin1')
      t.notOk(text.includes(secret))
      t.notMatch(text, /PRIVATE KEY-----\\?n?[A-Za-z0-9]/)
      t.match(text, 'outbound/')
    })

    await t.test('a connection that a DENY rule ends is known, too', async (t) => {
      t.match((await cluster.exec('other/intruder', ['node', '-e', CONNECT])).stdout, 'closed')
      const refusal = await eventually(PATIENCE_S, 'the refusal of a connection', async () =>
        (await refusals()).find(({ protocol }) => protocol === 'tcp'),
      )
      t.match(refusal, { rule: 'payments/no-ledger/0', from: { identity: INTRUDER }, to: { port: 9000 } })
      const why = await weft('why', refusal.reference)
      t.match(why.stdout, /refused a connection\n[^]*by the rule payments\/no-ledger\/0\n/)
      t.match(why.stdout, /DENY payments\/no-ledger\/0 \(level namespace\) matches[^]*port is 9000/)
    })

    await t.test('what holds for the pod, and that policies have changed since', async (t) => {
      const [refusal] = await refusals()
      const effective = await weft('policy', 'effective', `payments/${refusal?.to.pod}`)
      t.match(effective, {
        code: 0,
        stdout: /port 8080 \(http\):[^]*ALLOW payments\/pay\/0 \(Service pay\): caller spiffe/,
      })
      t.match(effective.stdout, /not covered by any policy:[^]*port 15021: the kubelet's probes/)
      writeFileSync(join(directory, 'callers.yaml'), callers('shop', 'other'))
      await eventually(PATIENCE_S, 'the change in force', async () =>
        (await get('other/intruder', '/items/1')).startsWith('200') ? true : undefined,
      )
      t.match((await weft('why', reference)).stdout, 'policies have changed since: it would be let in now')
    })

    await t.test(
      'an identity that is taken back is refused by its peers, and let in again with it',
      async (t) => {
        const file = join(directory, 'revoked.yaml')
        const identity = (...argv: readonly string[]) =>
          promisify(execFile)(process.execPath, [WEFT, 'identity', ...argv, 'other/default', '--file', file])
        const answered = async () => (await get('other/intruder', '/items/1')).startsWith('200')
        await identity('revoke', '--reason', 'its node was broken into')
        const begun = performance.now()
        await eventually(PATIENCE_S, 'the refusal', async () => ((await answered()) ? undefined : true))
        t.comment(`refused ${Math.round(performance.now() - begun)} ms after the command, asking included`)
        t.ok((await get('shop/web', '/items/1')).startsWith('200'), 'and nobody else is')
        await identity('restore')
        await eventually(PATIENCE_S, 'the answer again', async () => ((await answered()) ? true : undefined))
      },
    )
  },
)
