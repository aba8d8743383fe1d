import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { CoveredSource } from '../answers/mesh-answers.ts'
import { ALONE } from '../answers/telemetry-source.ts'
import { boundedQuestions, QUESTION_LIMITS, type QuestionLimits } from './bounded-questions.ts'
import { outsideTraces } from './outside-traces.ts'
import { traceQl } from './trace-server.ts'
import { tracingAddress, type TracingKind } from './tracing-address.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const START = Date.UTC(2026, 0, 1)
const TRACE = '0a'.repeat(16)
const QUERY = { from: START - 1000, to: START + 60_000, limit: 10 }
const OWN_ROW = { traceId: 'own' }

const OWN = {
  traces: async () => ({ value: [OWN_ROW], coverage: ALONE }),
  spans: async () => ({ value: [], coverage: ALONE }),
} as unknown as CoveredSource

/** What the control plane passes on of a hop, in OTLP's JSON or in that of proto3. */
function resourceSpans(form: 'otlp' | 'proto3', service = 'web', span = '0b'): object[] {
  const id = (hex: string) => (form === 'otlp' ? hex : Buffer.from(hex, 'hex').toString('base64'))
  const named = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  return [
    {
      resource: {
        attributes: [
          named('service.name', service),
          named('service.namespace', 'shop'),
          named('k8s.pod.name', `${service}-1`),
        ],
      },
      scopeSpans: [
        {
          spans: [
            {
              traceId: id(TRACE),
              spanId: id(span.repeat(8)),
              parentSpanId: '',
              name: 'GET',
              kind: form === 'otlp' ? 2 : 'SPAN_KIND_SERVER',
              startTimeUnixNano: `${START}000000`,
              endTimeUnixNano: `${START + 12}000000`,
              attributes: [
                named('url.path', '/cart'),
                { key: 'http.response.status_code', value: { intValue: '503' } },
                { key: 'of.somebody', value: { arrayValue: {} } },
              ],
              status: { code: form === 'otlp' ? 2 : 'STATUS_CODE_ERROR' },
            },
            { traceId: 'short', spanId: 7 },
          ],
        },
      ],
    },
  ]
}

async function served(t: Test, answer: Answer): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function reader(
  t: Test,
  url: string,
  kind: TracingKind,
  limits: Partial<QuestionLimits> = {},
  token?: string,
) {
  const address = { kind, url, tokenFile: token }
  const questions = boundedQuestions(address, { ...QUESTION_LIMITS, ...limits })
  t.teardown(() => questions.close())
  return outsideTraces({ address, own: OWN, questions })
}

const json = (response: ServerResponse, value: unknown): void => void response.end(JSON.stringify(value))

t.test(
  'a Jaeger is asked for each service, and its traces are summed up as the own store does',
  async (t) => {
    const asked: URL[] = []
    const url = await served(t, (request, response) => {
      const page = new URL(request.url ?? '', 'http://jaeger')
      asked.push(page)
      if (page.pathname === '/api/v3/services') return json(response, { services: ['web', 'db', 'shop'] })
      if (page.searchParams.get('query.service_name') === 'db') return response.writeHead(404).end()
      json(response, { result: { resourceSpans: resourceSpans('otlp') } })
    })
    const source = reader(t, url, 'jaeger')
    const { value, coverage } = await source.traces({ ...QUERY, status: '5xx' })
    t.match(value, [
      { traceId: TRACE, service: 'web', namespace: 'shop', path: '/cart', status: 503, spanCount: 1 },
    ])
    t.match(coverage, { answered: 1, missing: [], source: { kind: 'jaeger', url, failed: undefined } })
    t.same((await source.traces({ ...QUERY, status: '404' })).value, [], 'filters of the search hold')
    asked.length = 0
    await source.traces({ ...QUERY, service: 'web.shop' })
    t.same(
      asked.flatMap(({ searchParams }) => searchParams.getAll('query.service_name')),
      ['web'],
    )
    const { value: spans } = await source.spans(TRACE)
    t.match(spans, [
      { spanId: '0b'.repeat(8), kind: 'server', status: 'error', pod: 'web-1', durationMs: 12 },
    ])
  },
)

t.test('a Tempo is searched by TraceQL, and its identifiers read in hex and base64', async (t) => {
  const asked: string[] = []
  const url = await served(t, (request, response) => {
    const page = new URL(request.url ?? '', 'http://tempo')
    asked.push(page.searchParams.get('q') ?? page.pathname)
    if (page.pathname === '/tempo/api/search')
      return json(response, { traces: [{ traceID: TRACE.slice(1) }] })
    json(response, { batches: resourceSpans('proto3') })
  })
  const { value } = await reader(t, `${url}/tempo`, 'tempo').traces({ ...QUERY, service: 'web' })
  t.match(value, [{ traceId: TRACE, failed: true, status: 503 }])
  t.same(asked, ['{ (resource.service.name = "web") }', `/tempo/api/traces/${TRACE}`])
})

t.test('nothing that somebody asks for runs as TraceQL', async (t) => {
  t.equal(
    traceQl({ namespace: 'a" } || { true || "\\' }),
    '{ resource.service.namespace = "a\\" } || { true || \\"\\\\" }',
  )
})

const FAILURES: readonly [string, Answer, RegExp, Partial<QuestionLimits>?][] = [
  ['an error', (_, response) => response.writeHead(500).end('secret'), /^it answered with 500$/],
  ['a refusal', (_, response) => response.writeHead(401).end('secret'), /^it answered with 401$/],
  ['another server', (_, response) => response.writeHead(404).end(), /another path/],
  [
    'a redirect',
    (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    /leads elsewhere \(302\)/,
  ],
  ['no JSON', (_, response) => response.end('<html>secret'), /^its answer is no JSON$/],
  ['another shape', (_, response) => json(response, { services: {}, traces: 'secret' }), /no list/],
  [
    'too much',
    (_, response) => response.end(`"${'x'.repeat(5000)}"`),
    /more than 4096 bytes/,
    { maxBytes: 4096 },
  ],
  ['silence', () => {}, /did not answer within 0.1 s/, { timeoutMs: 100 }],
  ['half an answer', (_, response) => response.write('{'), /did not answer within/, { timeoutMs: 100 }],
  ['a closed connection', (request) => request.socket.destroy(), /./],
]

for (const kind of ['jaeger', 'tempo'] as const)
  for (const [name, answer, reason, limits] of FAILURES)
    t.test(`${kind} fails with ${name}: what control planes hold is told, and that it is`, async (t) => {
      const source = reader(t, await served(t, answer), kind, limits)
      const { value, coverage } = await source.traces(QUERY)
      t.same(value, [OWN_ROW])
      t.match(coverage.source?.failed, reason)
      t.notMatch(coverage.source?.failed, /secret/)
    })

t.test('what comes beyond the questions that wait is refused at once', async (t) => {
  let arrived = (): void => {}
  const first = new Promise<void>((resolve) => (arrived = resolve))
  const url = await served(t, () => arrived())
  const questions = boundedQuestions({ kind: 'tempo', url }, { ...QUESTION_LIMITS, maxQuestions: 1 })
  const waits = questions.ask((get) => get('/')).catch(() => {})
  await first
  await t.rejects(
    questions.ask((get) => get('/')),
    { code: 'outside.failed', message: /1 questions wait/ },
  )
  await questions.close()
  await waits
})

t.test('a token is read anew for each question, and never told', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-tracing-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'token')
  const shown: unknown[] = []
  const url = await served(t, (request, response) => {
    shown.push(request.headers.authorization)
    json(response, { traces: [] })
  })
  const source = reader(t, url, 'tempo', {}, file)
  for (const token of ['first\n', 'second']) {
    writeFileSync(file, token)
    await source.traces(QUERY)
  }
  t.same(shown, ['Bearer first', 'Bearer second'])
  writeFileSync(file, 'with a\nsecret line')
  const { coverage } = await source.traces(QUERY)
  t.equal(coverage.source?.failed, 'the file of --tracing-token has no token')
})

t.test('flags', async (t) => {
  t.equal(tracingAddress({}), undefined)
  t.match(tracingAddress({ 'tracing-url': 'http://tempo:3200/t/', 'tracing-kind': 'tempo' }), {
    url: 'http://tempo:3200/t',
  })
  const url = { 'tracing-url': 'http://jaeger:16686', 'tracing-kind': 'jaeger' }
  for (const [flags, field] of [
    [{ 'tracing-kind': 'jaeger' }, '--tracing-kind'],
    [{ 'tracing-url': 'http://jaeger:16686' }, '--tracing-kind'],
    [{ ...url, 'tracing-url': 'http://me:secret@jaeger' }, '--tracing-url'],
    [{ ...url, 'tracing-url': 'ftp://jaeger' }, '--tracing-url'],
    [{ ...url, 'tracing-ca': '/none' }, '--tracing-ca'],
    [{ ...url, 'tracing-token': '/none' }, '--tracing-token'],
  ] as const) {
    let thrown: unknown
    try {
      tracingAddress(flags)
    } catch (error) {
      thrown = error
    }
    t.match(thrown, { field })
    t.notMatch((thrown as Error).message, /secret/)
  }
})
