import { execFile } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { kubeconfigText } from '../../control-plane/kubernetes/testing/kubeconfig-text.ts'
import type { Graph, GraphNode } from '../../core/api/traffic.ts'
import type { TraceSearch, TraceView } from '../../core/api/traces.ts'
import { coveredPage } from '../mesh/covered-page.ts'
import { rangeQuery } from './time-range.ts'
import { waterfallText } from './waterfall.ts'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs commands one after the other as `weft` does, all in one process: starting one takes longer than what they do. */
function inOneProcess(commands: readonly (readonly string[])[]): Promise<readonly Ran[]> {
  const script = `
    import { COMMANDS } from ${JSON.stringify(join(import.meta.dirname, '../commands.ts'))}
    const [out, err] = [process.stdout, process.stderr].map((stream) => stream.write.bind(stream))
    const ran = []
    for (const [name, ...argv] of ${JSON.stringify(commands)}) {
      const said = { code: 0, stdout: '', stderr: '' }
      process.stdout.write = (text) => ((said.stdout += text), true)
      process.stderr.write = (text) => ((said.stderr += text), true)
      said.code = await (await COMMANDS.find((one) => one.name === name).load())(argv)
      ran.push(said)
    }
    out(JSON.stringify(ran))
  `
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout, stderr) =>
      error ? reject(new Error(stderr, { cause: error })) : resolve(JSON.parse(stdout) as Ran[]),
    )
  })
}

const NONE = { mutualTls: 1, plaintext: 0, unknown: 0 }
const TRAFFIC = {
  rate: 12.34,
  failedRate: 0,
  successRate: 1,
  p50Ms: 4.2,
  p95Ms: 9.5,
  p99Ms: 1234,
  transport: NONE,
}

function node(name: string, more: Partial<GraphNode> = {}): GraphNode {
  return {
    id: `${name}.shop`,
    name,
    namespace: 'shop',
    kind: 'service',
    traffic: TRAFFIC,
    health: 'ok',
    reasons: [],
    endpoints: { ready: 2, total: 2, meshed: 2, ejected: 0 },
    policy: 'open',
    versions: [],
    ...more,
  } as GraphNode
}

const GRAPH: Graph = {
  from: 0,
  to: 300_000,
  coverage: { answered: 1, missing: [{ replica: 'two', reason: 'it hangs' }] },
  nodes: [
    node('catalog'),
    node('web', {
      health: 'failing',
      reasons: ['9.99 % of its requests failed'],
      endpoints: { ready: 0, total: 2, meshed: 2, ejected: 0 },
      traffic: {
        ...TRAFFIC,
        successRate: 0.99999,
        transport: { mutualTls: 0.5, plaintext: 0.5, unknown: 0 },
      },
    }),
    node('web-pods', { kind: 'workload' }),
    node('blog', { id: 'blog.blog', namespace: 'blog' }),
  ],
  edges: [
    { source: '', target: 'web.shop', traffic: TRAFFIC, deniedRate: 2, health: 'ok' },
    { source: 'blog.blog', target: 'blog.blog', traffic: TRAFFIC, deniedRate: 0, health: 'ok' },
  ],
}
const ROW = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  startMs: Date.UTC(2026, 0, 31),
  durationMs: 100,
  service: 'web',
  namespace: 'shop',
  method: 'GET',
  path: '/a\u001B[31m\u0007red',
  name: 'GET',
  status: 503,
  failed: true,
  spanCount: 3,
  errors: 1,
  retries: 1,
  services: ['web'],
  flags: ['UF'],
  whole: false,
}
const span = (
  spanId: string,
  parentSpanId: string,
  startMs: number,
  durationMs: number,
  more: object = {},
) => ({
  traceId: ROW.traceId,
  spanId,
  parentSpanId,
  name: 'GET',
  kind: 'client',
  service: `s${spanId}`,
  namespace: 'shop',
  pod: 'p',
  startMs: ROW.startMs + startMs,
  durationMs,
  status: 'ok' as const,
  statusMessage: '',
  attributes: {},
  ...more,
})
const TRACE: TraceView = {
  ...ROW,
  coverage: { answered: 1, missing: [] },
  spans: [
    span('3', '2', 50, 50, {
      status: 'error',
      attributes: { 'http.response.status_code': 503, 'weft.response_flags': 'UF' },
    }),
    span('1', '9', 0, 100),
    span('2', '1', 25, 75, {
      attributes: { 'http.request.resend_count': 1, 'http.response.status_code': 503 },
    }),
    span('5', '6', 10, 10),
    span('6', '5', 10, 10),
  ],
}

t.test('against a cluster, of which one control plane is silent', async (t) => {
  const api = await FakeApi.start(t)
  for (const name of ['one', 'two'])
    api.put(`/api/v1/namespaces/weft-system/pods/${name}`, {
      metadata: { name, labels: { 'app.kubernetes.io/name': 'weft-control-plane' } },
    })
  const asked: string[] = []
  const search: TraceSearch = { from: 0, to: 1, coverage: TRACE.coverage, traces: [ROW], more: true }
  api.hook = (path, _body, _headers, query) => {
    const page = /\/weft-system\/pods\/(?:one|two):15080\/proxy\/api\/(.*)$/.exec(path)?.[1]
    if (page === undefined) return undefined
    asked.push(query?.size ? `${page}?${query.toString()}` : page)
    if (path.includes('/pods/two')) return { status: 503 }
    const [name = ''] = page.split('?')
    const pages: Record<string, object> = { graph: GRAPH, traces: search, [`traces/${ROW.traceId}`]: TRACE }
    return pages[name] ? { status: 200, body: pages[name] } : { status: 404 }
  }
  const config = join(t.testdir({ config: kubeconfigText(api.connect(t).server) }), 'config')
  const [stat, json, edges, traces, one, unknown] = await inOneProcess(
    [
      ['stat', '-n', 'shop', '--last', '1h'],
      [
        'stat',
        'services',
        'catalog.shop',
        '--json',
        '--from',
        '2026-01-31T00:00:00Z',
        '--to',
        '2026-01-31T01:00:00Z',
      ],
      ['edges', '-n', 'shop'],
      ['traces', '--service', 'web', '--status', '5xx', '--failed'],
      ['traces', ROW.traceId],
      ['stat', 'services', 'nothing'],
    ].map((argv) => [...argv, '--kubeconfig', config]),
  )
  if (!stat || !json || !edges || !traces || !one || !unknown) throw new Error('a command said nothing')
  t.equal(stat.code, 0, stat.stderr)
  t.match(stat.stdout.split('\n'), [
    /^NAME +RATE +SUCCESS +P50 +P95 +P99 +MTLS +READY +MESHED +WHY$/,
    /^web\.shop +12\.3 +99\.99% +4\.2ms +9\.5ms +1\.2s +50\.0% +0\/2 +2 +9\.99 % of its requests failed$/,
    /^catalog\.shop +12\.3 +100% .* 100% +2\/2/,
    '',
  ])
  t.match(stat.stderr, 'two did not answer, and what only it knows is missing: it hangs')
  t.match(JSON.parse(json.stdout), { nodes: [{ id: 'catalog.shop' }], coverage: GRAPH.coverage })
  t.match(edges.stdout.split('\n'), [/^FROM/, /^\(outside\) +web\.shop .* 2\.0$/, ''])
  t.match(
    traces.stdout,
    /4bf92f3577b34da6a3ce929d0e0e4736 +00:00:00\.000 +web\.shop +GET \/a\?red +503 +100ms +3\+ +1 +UF/,
  )
  t.match(one, { code: 0, stdout: /^ {4}s3 +client +GET +503 UF/m })
  t.match(unknown, { code: 1, stderr: 'there is no service nothing; without a name all are listed' })
  t.ok(asked.includes('graph?last=3600&namespace=shop'), asked.join(' '))
  t.ok(asked.includes('graph?from=1769817600000&to=1769821200000'))
  t.ok(asked.includes('traces?last=300&service=web&status=5xx&failed=true&limit=20'))
})

t.test('a waterfall has each span once, below its parent, also those of a ring', (t) => {
  const text = waterfallText(TRACE, (_, one) => one, 100)
  const lines = text.split('\n').slice(2, 7)
  t.match(lines, [/^s1 /, /^ {2}s2 .*503 2 tries/, /^ {4}s3 .*503 UF.*·{12}█{12}$/, /^s[56] /, /^s[56] /])
  t.match(text, /Spans of it are missing/)
  for (const line of text.split('\n').slice(1)) t.ok(Array.from(line).length <= 100, line)
  t.end()
})

t.test('ranges of time', (t) => {
  const now = Date.UTC(2026, 0, 31, 12)
  const none = { last: undefined, from: undefined, to: undefined }
  t.strictSame(rangeQuery(none, now), { last: '300' })
  t.strictSame(rangeQuery({ ...none, last: '2h' }, now), { last: '7200' })
  t.strictSame(rangeQuery({ ...none, from: '2h', to: '1h' }, now), {
    from: String(now - 7_200_000),
    to: String(now - 3_600_000),
  })
  for (const wrong of [
    { ...none, last: '0' },
    { ...none, last: '8d' },
    { ...none, last: '5m', from: '1h' },
    { ...none, to: '1h' },
    { ...none, from: '1h', to: '2h' },
    { ...none, from: 'yesterday' },
    { ...none, from: '2026-13-31T00:00:00Z' },
  ])
    t.throws(() => rangeQuery(wrong, now), { code: 'cli.flags' }, JSON.stringify(wrong))
  t.end()
})

t.test('a control plane that speaks for itself alone is told of', async (t) => {
  const page = (answered: number, replicas: number) =>
    coveredPage<Graph>(
      {
        askAny: async () => ({
          replica: 'one',
          replicas,
          body: { ...GRAPH, coverage: { answered, missing: [] } } as never,
        }),
      },
      'graph',
      {},
    )
  t.strictSame((await page(1, 3)).coverage.missing, [
    { replica: '2 others', reason: 'it speaks for 1 of 3 replicas' },
  ])
  t.strictSame((await page(3, 3)).coverage.missing, [])
  const none = { askAny: async () => ({ replica: 'one', replicas: 1, body: undefined }) }
  await t.rejects(coveredPage(none, 'graph', {}), { code: 'mesh.old', message: /one has no page graph/ })
})
