import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import t, { type Test } from 'tap'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { kubeconfigText } from '../../control-plane/kubernetes/testing/kubeconfig-text.ts'
import { overviewOf } from '../../control-plane/serve/rest/overview.ts'
import { rest } from '../../control-plane/serve/rest/rest.ts'
import { DecisionStore } from '../../control-plane/serve/telemetry/decision-store.ts'
import { MetricStore } from '../../control-plane/serve/telemetry/metric-store.ts'
import { TraceStore } from '../../control-plane/serve/telemetry/trace-store.ts'
import { controlSocket } from '../../local/state-directory.ts'
import { PAY, WEB } from './testing/views.ts'

const PROGRAM = join(import.meta.dirname, '../weft.ts')
const REFERENCE = '4bf92f3577b34da6a3ce929d0e0e4736'

function weft(...argv: readonly string[]) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [PROGRAM, ...argv], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
  })
}

const pod = (name: string, meshed = true) => ({
  namespace: 'payments',
  pod: name,
  address: '10.0.0.9',
  port: 8080,
  meshed,
})

/** The mesh of this machine, as far as these commands ask: a control socket, and the REST API of a control plane. */
async function local(t: Test) {
  const decisions = new DecisionStore()
  const app = fastify({ forceCloseConnections: true })
  const overview = overviewOf(
    () => undefined,
    'cluster.local',
    () => [],
    () => [],
  )
  const status = { accepted: true, reason: 'Accepted', message: '', partly: '' }
  await app.register(rest, {
    traces: new TraceStore(),
    metrics: new MetricStore(),
    decisions,
    release: '0',
    mesh: {
      ...overview,
      policies: () => ({
        policies: [
          {
            kind: 'AuthorizationPolicy',
            namespace: 'payments',
            name: 'pay',
            targets: [
              { kind: 'Service', namespace: 'payments', name: 'pay', ...status },
              {
                kind: 'Service',
                namespace: 'payments',
                name: 'db',
                ...status,
                partly: 'HttpFieldsOnTcpPort: methods',
              },
            ],
          },
          {
            kind: 'AuthorizationPolicy',
            namespace: 'shop',
            name: 'odd',
            targets: [
              {
                kind: 'Service',
                namespace: 'shop',
                name: 'x',
                ...status,
                accepted: false,
                reason: 'TargetNotFound',
              },
            ],
          },
        ],
        services: [],
      }),
      authorization: (namespace, name) =>
        namespace === 'payments' && ['pay-1', 'pay-2'].includes(name)
          ? { ...PAY, pod: name, ports: name === 'pay-2' ? PAY.ports.slice(2) : PAY.ports }
          : namespace === 'shop' && name === 'web-1'
            ? { ...PAY, namespace, pod: name, identity: WEB, addresses: ['10.0.0.7'] }
            : undefined,
      targets: (namespace, name, port) => {
        if (namespace !== 'payments') return { kind: 'none', ports: [], targets: [] }
        if (name === 'both')
          return { kind: 'Service', ports: [80], targets: [pod('pay-1'), pod('pay-2'), pod('old-1', false)] }
        return { kind: 'Service', ports: [8080], targets: port === 8080 ? [pod('pay-1')] : [] }
      },
    },
  })
  const dashboard = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  // A socket's path is short.
  const root = mkdtempSync(join(tmpdir(), 'weft-test-'))
  const socket = controlSocket(root)
  mkdirSync(join(socket, '..'), { recursive: true })
  const control = createServer((_request, response) => response.end(JSON.stringify({ dashboard })))
  await new Promise<void>((resolve) => control.listen(socket, resolve))
  t.teardown(() => {
    control.closeAllConnections()
    control.close()
    rmSync(root, { recursive: true, force: true })
  })
  return { decisions, run: (...argv: readonly string[]) => weft(...argv, '--state-dir', root) }
}

const CHARGE = [
  'policy',
  'test',
  '--from',
  'shop/web',
  '--to',
  'payments/pay:8080',
  '-X',
  'POST',
  '/charge',
] as const

t.test('on this machine: is it let in, by which rule, and what would have to change', async (t) => {
  const { run } = await local(t)
  const [allowed, refused, differs, unknown, wrongPod] = await Promise.all([
    run(...CHARGE),
    run(
      'policy',
      'test',
      '--from',
      'shop/other',
      '--to',
      'payments/pay:8080',
      '-X',
      'POST',
      '/charge',
      '--json',
    ),
    run('policy', 'test', '--from', 'shop/other', '--to', 'payments/both:80', '/charge'),
    run('policy', 'test', '--from', 'shop/web', '--to', 'payments/pay:81'),
    run('policy', 'test', '--from', 'shop/other@web-1', '--to', 'payments/pay:8080'),
  ])
  t.match(allowed, {
    code: 0,
    stdout: /^allowed at payments\/pay-1, port 8080\n {2}allowed by payments\/pay\/0 \(Service pay\):/,
  })
  t.equal(refused.code, 3)
  t.match(JSON.parse(refused.stdout), {
    verdict: 'refused',
    request: { from: 'shop/other', to: 'payments/pay:8080', method: 'POST', path: '/charge' },
    pods: [
      {
        pod: 'payments/pay-1',
        verdict: 'refused',
        explanation: {
          nearest: {
            rule: 'payments/pay/0',
            unmet: [`caller is spiffe://cluster.local/ns/shop/sa/other, the rule asks for ${WEB}`],
          },
        },
      },
    ],
  })
  t.match(differs, {
    code: 3,
    stdout:
      /^the pods differ: 1 of 3 refuse it\nrefused at payments\/pay-1[^]*allowed at payments\/pay-2[^]*\/old-1, port 8080\n {2}it has no sidecar/,
  })
  t.match(unknown, { code: 1, stderr: /Service payments\/pay has no port 81; it has 8080/ })
  t.match(wrongPod, { code: 1, stderr: /pod shop\/web-1 is not of that account/ })
})

t.test('on this machine: what holds for a pod, and which policies there are', async (t) => {
  const { run } = await local(t)
  const [effective, json, none, list, word] = await Promise.all([
    run('policy', 'effective', 'pay-1', '-n', 'payments'),
    run('policy', 'effective', 'payments/pay-1', '--json'),
    run('policy', 'effective', 'payments/pay-9'),
    run('policy', 'list', '-n', 'payments'),
    run('policy', 'effectve', 'x'),
  ])
  t.match(effective, { code: 0, stdout: /port 8080 \(http\):[^]*not covered by any policy:/ })
  t.strictSame(JSON.parse(json.stdout), JSON.parse(JSON.stringify(PAY)))
  t.match(none, { code: 1, stderr: /there is no pod payments\/pay-9 with a sidecar/ })
  t.match(
    list.stdout,
    /^NAMESPACE +KIND +NAME +TARGET +STATE +MESSAGE\npayments +AuthorizationPolicy +pay +Service payments\/pay +in force\npayments .* Service payments\/db +in part +HttpFieldsOnTcpPort: methods\n$/,
  )
  t.match(word, { code: 2, stderr: /did you mean effective\?/ })
})

t.test('why: of a refusal who, whom, which rule and what would have to change', async (t) => {
  const { run, decisions } = await local(t)
  decisions.add({
    traceId: REFERENCE,
    spanId: '00f067aa0ba902b7',
    parentSpanId: '',
    name: 'GET',
    kind: 'server',
    service: 'pay',
    namespace: 'payments',
    pod: 'pay-1',
    startMs: Date.UTC(2026, 0, 1),
    durationMs: 1,
    status: 'unset',
    statusMessage: '',
    attributes: {
      'http.request.method': 'GET',
      'url.path': '/charge',
      'server.address': 'pay.payments',
      'client.address': '10.0.0.7',
      'network.local.port': 8080,
      'weft.source_identity': WEB,
      'weft.policy': 'none',
      'weft.policy.decision': 'denied',
    },
  })
  const [why, json, never] = await Promise.all([
    run('why', REFERENCE),
    run('why', `00-${REFERENCE}-00f067aa0ba902b7-01`, '--json'),
    run('why', '0'.repeat(31).concat('1')),
  ])
  t.equal(why.code, 0)
  t.equal(
    why.stdout,
    `2026-01-01T00:00:00.000Z payments/pay-1, port 8080, refused GET /charge of pay.payments
  caller: ${WEB}, from 10.0.0.7
  because no rule let it in
by the rules in force now, refused at payments/pay-1, port 8080
  no rule lets it in; payments/pay/0 (Service pay) comes nearest; this would have to change:
    method is GET, the rule asks for POST
`,
  )
  t.match(JSON.parse(json.stdout), {
    reference: REFERENCE,
    refusals: [{ refusal: { rule: '', to: { pod: 'pay-1' } }, now: { verdict: 'refused' } }],
  })
  t.match(never, { code: 1, stderr: /no refusal 0+1 is known: it may be too old/ })
})

t.test(
  'in a cluster a replica that answers does so for all, and whom it could not ask is told',
  async (t) => {
    const api = await FakeApi.start(t)
    const kubeconfig = join(t.testdir({ config: kubeconfigText(api.connect(t).server) }), 'config')
    const refusal = {
      reference: REFERENCE,
      time: Date.UTC(2026, 0, 1),
      dryRun: true,
      protocol: 'tcp',
      from: { identity: '', address: '10.0.0.7' },
      to: { namespace: 'payments', pod: 'gone-1', service: 'pay', address: '10.0.0.9', port: 5432 },
      method: '',
      path: '',
      host: '',
      sni: 'db',
      rule: 'payments/closed/0',
    }
    for (const name of ['one', 'two'])
      api.put(`/api/v1/namespaces/weft-system/pods/${name}`, { metadata: { name } })
    const decisions = 'authorization/decisions'
    const pages: Record<string, object> = {
      [`two:15080/proxy/api/${decisions}`]: {
        coverage: { answered: 1, missing: [{ replica: 'weft-system/one', reason: 'it hangs' }] },
        refusals: [refusal],
      },
    }
    let silent = false
    api.hook = (asked, _body, headers) => {
      const page = /\/weft-system\/pods\/(.+:15080.*)$/.exec(asked)?.[1]
      if (page === undefined) return undefined
      if (headers?.['sec-weft-client'] === undefined) return { status: 403 }
      if (silent || page.startsWith('one:')) return { status: 503 }
      return pages[page] ? { status: 200, body: pages[page] } : { status: 404 }
    }
    const why = await weft('why', REFERENCE, '--kubeconfig', kubeconfig)
    t.match(why, {
      code: 0,
      stdout:
        /gone-1, port 5432, would have refused a connection to db\n {2}caller: a caller without an identity[^]*dry run, by the rule payments\/closed\/0\nthe pod is gone/,
      stderr: /weft-system\/one did not answer, and what only it knows is missing: it hangs/,
    })
    silent = true
    const none = await weft('why', REFERENCE, '--kubeconfig', kubeconfig)
    t.match(none, { code: 1, stderr: /no control plane answers: one: .*503.*two: / })
    t.match(await weft('why', REFERENCE, '--local', '--kubeconfig', kubeconfig), {
      code: 2,
      stderr: /leave one away/,
    })
  },
)
