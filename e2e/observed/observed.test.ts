import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { changedMesh } from '../../cli/diff/changed-mesh.ts'
import { replay } from '../../cli/diff/replay.ts'
import { suggestPolicies } from '../../cli/policy/suggest/suggest.ts'
import { suggestionsText } from '../../cli/policy/suggest/suggestion-text.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import type { ObservedView } from '../../control-plane/serve/telemetry/observed-view.ts'
import type { TappedRequest } from '../../core/api/tap.ts'
import type { Problem } from '../../core/problem.ts'
import type { ProxyView } from '../../control-plane/serve/rest/overview.ts'
import type { ServiceRow } from '../../control-plane/serve/rest/services.ts'
import type { StoredSpan } from '../../control-plane/serve/telemetry/stored-span.ts'
import { startCluster } from '../../local/cluster.ts'
import { PROXY_CONTAINER } from '../../core/contract.ts'
import { DASHBOARD_TARGET } from '../../local/control/status.ts'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import { demoCluster } from '../demo/demo-cluster.ts'
import { eventually, load, onePod } from '../demo/scenario.ts'
import { MANIFESTS } from './manifests.ts'

// What the control plane says of a mesh, held to what was done in it.

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PATIENCE_S = 60
const CLIENT = 'spiffe://cluster.local/ns/shop/sa/default'
const OF_THIS_MESH = { trustDomain: 'cluster.local' }
const CLOSED = JSON.stringify({
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'MeshPolicy',
  metadata: { name: 'default', namespace: 'weft-system' },
  spec: { authorization: { default: 'Deny' } },
})
/** Of the 30 s that figures are of, the last 6 are not shown yet. */
const ASK_AGAIN_MS = 12_000

t.test('names, mutual TLS and mistakes are told as they are', { skip, timeout: 120_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-observed-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  for (const [file, text] of Object.entries(MANIFESTS)) writeFileSync(join(directory, file), text)
  const cluster = await startCluster({
    manifests: [directory],
    name: `observed-${process.pid}`,
    images: {
      'weft.dev/demo': join(import.meta.dirname, '../demo/app'),
      'weft.dev/front': join(import.meta.dirname, 'app'),
    },
  })
  t.teardown(() => cluster.close())
  await cluster.ready
  const port = await cluster.expose(DASHBOARD_TARGET)
  const mesh = demoCluster(cluster, `http://127.0.0.1:${port}`)
  const client = await onePod(mesh, 'shop', 'client')
  const legacy = await onePod(mesh, 'legacy', 'client')
  const get = (from: typeof client, url: string, count: number, ...more: string[]) =>
    load(mesh, from, '--url', url, '--count', String(count), ...more)
  const row = async (name: string): Promise<ServiceRow | undefined> => {
    const { services } = (await mesh.api('/api/services')) as { services: ServiceRow[] }
    return services.find((one) => `${one.name}.${one.namespace}` === name)
  }
  /** The row once it is as wanted; `ask` is done again where that takes so long that the window moves on. */
  const shown = async (name: string, ask: () => Promise<unknown>, wanted: (row: ServiceRow) => boolean) => {
    let askedAt = -Infinity
    return eventually(PATIENCE_S, `the row of ${name}`, async () => {
      if (performance.now() - askedAt > ASK_AGAIN_MS) {
        await ask()
        askedAt = performance.now()
      }
      const found = await row(name)
      return found && wanted(found) ? found : undefined
    })
  }

  await t.test('a service is called by its Deployment, in its own namespace alone', async (t) => {
    const header = `traceparent:00-${TRACE}-b7ad6b7169203331-01`
    for (const url of ['http://orders:8080/items/1', 'http://pretender.other:8080/items/1'])
      t.equal((await get(client, url, 1, '--header', header)).failed, 0)
    const spans = await eventually(PATIENCE_S, 'four spans', async () => {
      try {
        const { spans: all } = (await mesh.api(`/api/traces/${TRACE}`)) as { spans: StoredSpan[] }
        return all.length >= 4 ? all : undefined
      } catch {
        return undefined
      }
    })
    t.strictSame(
      new Set(spans.map(({ service, namespace, kind }) => `${service}.${namespace} ${kind}`)),
      new Set(['client.shop client', 'orders.shop server', 'orders.other server']),
      'whatever namespace the annotation says',
    )
    const { proxies } = (await mesh.api('/api/proxies')) as { proxies: ProxyView[] }
    t.strictSame(
      new Set(
        proxies.map(({ service, namespace, serviceAccount }) => `${service}.${namespace} ${serviceAccount}`),
      ),
      new Set(['client.shop default', 'orders.shop default', 'front.other default', 'orders.other default']),
    )
    const metrics = await cluster.exec('shop/client', ['node', '-e', METRICS])
    t.match(metrics.stdout, /service_name="client",service_namespace="shop"[^}]*k8s_deployment_name="client"/)
  })

  await t.test('who is on this machine may act, and no pod', async (t) => {
    t.match(await mesh.api('/api/mesh'), { may: { act: true, tap: true, headers: true } })
    const asked = await cluster.exec('shop/client', ['node', '-e', MESH])
    t.strictSame(JSON.parse(asked.stdout), { act: false, tap: true, headers: false })
  })

  await t.test('a tap is told of every request by both sidecars, and of no credential', async (t) => {
    let isOver = false
    const tapped = mesh
      .weft('tap', '--local', '-n', 'shop', '--path', '/items/7', '--headers', '--json', '--count', '8')
      .finally(() => (isOver = true))
    const headers = ['--header', 'x-user:ada', '--header', 'authorization:Bearer secret']
    const url = 'http://orders:8080/items/7?a=1&token=secret'
    await eventually(PATIENCE_S, 'eight requests', async () => {
      await get(client, url, 1, ...headers)
      return isOver || undefined
    })
    const { code, stdout, stderr } = await tapped
    t.equal(code, 0, stderr)
    const requests = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as TappedRequest)
    t.strictSame(
      new Set(requests.map(({ direction, service, asked }) => `${direction} ${service} ${asked ?? ''}`)),
      new Set(['outbound client orders.shop', 'inbound orders ']),
    )
    for (const one of requests)
      t.match(one, {
        ...{ method: 'GET', path: '/items/7', query: 'a=1&token=(withheld)', status: 200, source: CLIENT },
        headers: { 'x-user': 'ada', authorization: '(withheld)' },
      })
    t.notMatch(stdout, /secret/)
    t.equal(stderr, '', 'all sidecars tell')
  })

  await t.test('what a namespace says of its telemetry holds for its pods', async (t) => {
    const off = await mesh.weft('tap', '--local', '-n', 'other', '--count', '1')
    t.match(off, { code: 1, stderr: /the namespace has the annotation weft.dev\/tap: "off"/ })
    const served = await onePod(mesh, 'other', 'pretender')
    await eventually(PATIENCE_S, 'a line of the access log', async () => {
      await get(client, 'http://pretender.other:8080/items/logged', 1)
      for await (const chunk of cluster.logs(`other/${served.name}`, {
        container: PROXY_CONTAINER,
        tail: 100,
      }))
        if (chunk.includes('"path":"/items/logged"')) return true
      return undefined
    })
  })

  await t.test('a trace goes through an application that passes on no fields', async (t) => {
    const id = '1af7651916cd43dd8448eb211c80319c'
    const header = `traceparent:00-${id}-b7ad6b7169203331-01`
    t.equal((await get(client, 'http://front.other:8080/', 1, '--header', header)).failed, 0)
    const spans = await eventually(PATIENCE_S, 'four spans of the trace', async () => {
      try {
        const { spans: all } = (await mesh.api(`/api/traces/${id}`)) as { spans: StoredSpan[] }
        return all.length >= 4 ? all : undefined
      } catch {
        return undefined
      }
    })
    t.strictSame(
      new Set(spans.map(({ service, kind }) => `${service} ${kind}`)),
      new Set(['client client', 'front server', 'front client', 'orders server']),
    )
  })

  await t.test('the lock: nothing was seen, all of it, some of it', async (t) => {
    t.equal((await row('split.shop'))?.mtls.observed, 'no-requests', 'with sidecars everywhere')
    const meshed = () => get(client, 'http://orders:8080/items/1', 5)
    const sealed = await shown('orders.shop', meshed, ({ mtls }) => mtls.mutualTls > 0)
    t.match(sealed.mtls, { observed: 'all', plaintext: 0 })
    const plain = () => get(legacy, 'http://orders.shop:8080/items/1', 5)
    const both = await shown(
      'orders.shop',
      () => Promise.all([meshed(), plain()]),
      ({ mtls }) => mtls.plaintext > 0 && mtls.mutualTls > 0,
    )
    t.equal(both.mtls.observed, 'some')
    t.ok(both.callers.some(({ source }) => source === ''))
  })

  await t.test('who called becomes the least policies that allow it', async (t) => {
    const view = await eventually(PATIENCE_S, 'calls of both to orders', async () => {
      const found = (await mesh.api('/api/authorization/observed?namespace=shop')) as ObservedView
      const calls = found.workloads.find(({ name }) => name === 'orders')?.calls ?? []
      return ['', CLIENT].every((source) => calls.some((call) => call.source === source)) ? found : undefined
    })
    const suggestions = suggestPolicies(view, { namespace: 'shop', service: 'orders' })
    t.match(suggestions, [
      {
        workload: 'orders',
        policies: [
          {
            spec: {
              selector: { matchLabels: { app: 'orders' } },
              rules: [
                {
                  from: [{ source: { principals: [CLIENT] } }],
                  to: [{ operation: { ports: [8080], methods: ['GET'], paths: ['/items/{*}'] } }],
                },
              ],
            },
          },
        ],
      },
    ])
    t.ok(suggestions[0]?.certainty.reasons.some(({ code }) => code === 'plaintext'))
    const { objects } = (await mesh.api('/api/authorization/objects')) as { objects: readonly MeshObject[] }
    const refused = (text: string): readonly string[] => {
      const { before, after } = changedMesh(objects, [{ origin: 'new.yaml', text }], OF_THIS_MESH)
      const { changed } = replay(view, before, after)
      return changed.map(({ change, workload, call }) => `${change} ${workload} ${call.source}`)
    }
    const wanted = [`refused orders `, `refused orders ${CLIENT}`]
    t.strictSame(refused(CLOSED).toSorted(), wanted, 'closed')
    const opened = `${CLOSED}\n---\n${suggestionsText(view, suggestions)}`
    t.strictSame(
      refused(opened),
      wanted.slice(0, 1),
      'closed, and what is suggested: plaintext alone has no identity',
    )
  })

  await t.test('a mistake says what becomes of requests, and that does', async (t) => {
    const { problems } = (await mesh.api('/api/problems')) as { problems: Problem[] }
    const wrong = problems.find(({ kind, name }) => kind === 'HTTPRoute' && name === 'split')
    t.match(wrong, { field: /^spec\.rules\[0\]\.backendRefs/, effect: /share get 500/ })
    const { statuses, failures } = await get(client, 'http://split:8080/items/1', 200)
    const failed = statuses['500'] ?? 0
    t.ok(failed >= 15 && failed <= 25, `${failed} of 200 got 500`)
    t.equal(
      Object.values(failures).reduce((sum, count) => sum + count, 0),
      failed,
    )
    t.match(Object.keys(failures), [/^500 by the mesh \(/])
  })
})

const MESH = `fetch('http://weft-control-plane.weft-system:15080/api/mesh').then(async (answer) => console.log(JSON.stringify((await answer.json()).may)))`
const METRICS = `fetch('http://127.0.0.1:15090/metrics').then((r) => r.text()).then((text) => console.log(text))`
