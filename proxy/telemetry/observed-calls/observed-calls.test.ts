import t from 'tap'
import fc from 'fast-check'
import { ManualClock } from '../../../core/clock.ts'
import {
  ExportMetricsServiceRequest,
  type ExportMetricsServiceRequest as Request,
} from '../../../core/xds/generated/otlp.js'
import { newRecord } from '../../exchange/record.ts'
import type { RequestRecord } from '../../exchange/telemetry-sink.ts'
import { newConnectionRecord } from '../../tcp/tcp-route.ts'
import { MOST_CALLS, MOST_FAILED, ObservedCalls } from './observed-calls.ts'
import { ObservedReport } from './observed-report.ts'

const START = Date.UTC(2026, 0, 1)
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

function request(
  path: string,
  more: Partial<RequestRecord> & { readonly port?: number } = {},
): RequestRecord {
  const { port = 8080, ...rest } = more
  const hop = {
    direction: 'inbound' as const,
    original: undefined,
    destination: { host: '10.0.0.9', port },
    downstream: '10.244.0.5:40000',
    sourceIdentity: WEB,
    localIdentity: '',
    http2: false,
    link: false,
  }
  const head = { method: 'GET', scheme: 'http', authority: 'pay', path, fields: [], upgrade: '' }
  return { ...newRecord(hop, head, 'v1'), startMs: START, status: 200, answered: true, ...rest }
}

function connection(more: object = {}) {
  const hop = { direction: 'inbound' as const, downstream: '10.244.0.5:40000', sourceIdentity: WEB }
  const made = newConnectionRecord({ ...hop, destination: { host: '10.0.0.9', port: 5432 } }, 'inbound')
  return { ...made, startMs: START, upstream: '10.0.0.9:5432', ...more }
}

/** `COUNT PROTOCOL/PORT METHOD PATH OUTCOME from SOURCE`, sorted. */
function rows(calls: ObservedCalls): string[] {
  return calls
    .series()
    .map(
      ({ count, protocol, port, method, path, outcome, source, address }) =>
        `${count} ${protocol}/${port} ${method} ${path} ${outcome} ${source === '' ? `plaintext ${address}` : source}`,
    )
    .sort()
}

t.test('what a call is told as', async (t) => {
  const table: readonly [RequestRecord, string][] = [
    [request('/items/17?q=1'), 'http/8080 GET /items/{*} served'],
    [request('/items', { method: 'POST', status: 500 }), 'http/8080 POST /items served'],
    [request('/items', { status: 403 }), 'http/8080 GET /items served'],
    [request('/wp-admin', { status: 404 }), 'http/8080 GET  unanswered'],
    [request('/items', { method: 'BREW', status: 405 }), 'http/8080 _OTHER  unanswered'],
    [request('/items', { method: 'BREW' }), 'http/8080 BREW /items served'],
    [request('/items', { answered: false, status: 503 }), 'http/8080 GET  unanswered'],
    [
      request('/items/17/x', {
        answered: false,
        status: 403,
        details: 'rbac_access_denied_matched_policy[a/b/0]',
      }),
      'http/8080 GET /items/{*}/x refused',
    ],
    [
      request('/shop.v1.Catalog/GetItem', { method: 'POST', grpc: true, grpcStatus: 5 }),
      'grpc/8080 POST /shop.v1.Catalog/GetItem served',
    ],
    [
      request('/shop.v1.Catalog/Nothing', { method: 'POST', grpc: true, grpcStatus: 12 }),
      'grpc/8080 POST  unanswered',
    ],
    [request('', { method: 'CONNECT' }), 'http/8080 CONNECT  served'],
    [request('*', { method: 'OPTIONS' }), 'http/8080 OPTIONS  served'],
  ]
  for (const [record, expected] of table) {
    const calls = new ObservedCalls(START)
    calls.request(record)
    t.same(rows(calls), [`1 ${expected} from`.replace(/ from$/, ` ${WEB}`)])
  }
})

t.test('a path that is known is one whatever is answered, and unanswered all the same', async (t) => {
  const calls = new ObservedCalls(START)
  calls.request(request('/items/17'))
  calls.request(request('/items/18', { status: 404 }))
  t.same(rows(calls), [
    `1 http/8080 GET /items/{*} served ${WEB}`,
    `1 http/8080 GET /items/{*} unanswered ${WEB}`,
  ])
})

t.test('callers in plaintext by their addresses, up to a number of them', async (t) => {
  const calls = new ObservedCalls(START)
  for (let i = 0; i < 100; i++)
    calls.request(request('/', { sourceIdentity: '', downstream: `10.244.1.${i}:${1000 + i}` }))
  calls.request(request('/', { sourceIdentity: '', downstream: '[fd00::1]:1000' }))
  const seen = rows(calls)
  t.equal(seen.length, 65)
  t.ok(seen.includes('1 http/8080 GET / served plaintext 10.244.1.0'))
  t.ok(seen.includes('37 http/8080 GET / served plaintext '))
  const other = new ObservedCalls(START)
  other.request(request('/', { sourceIdentity: '', downstream: '[fd00::1]:1000' }))
  t.same(rows(other), ['1 http/8080 GET / served plaintext fd00::1'])
})

t.test('an address in plaintext of which nothing is kept any more makes room for another', async (t) => {
  const DAY = 26 * 3_600_000
  const calls = new ObservedCalls(START)
  const call = (at: number, path: string, startMs: number) =>
    calls.request(request(path, { sourceIdentity: '', downstream: `10.244.1.${at}:1000`, startMs }))
  const addresses = () => [...new Set(calls.series().map(({ address }) => address))].toSorted()
  for (let at = 0; at < 64; at++) for (const path of ['/', '/b']) call(at, path, START)
  call(100, '/', START)
  t.equal(addresses().length, 65)
  t.equal(addresses()[0], '', 'there was no room for one more')
  // Of one address one kind of call goes on, of another both.
  call(7, '/b', START + DAY)
  for (const path of ['/', '/b']) call(8, path, START + DAY)
  calls.expire(START + DAY)
  t.same(addresses(), ['10.244.1.7', '10.244.1.8'])
  for (let at = 101; at < 164; at++) call(at, '/', START + DAY)
  const now = addresses()
  t.equal(now.length, 65)
  t.ok(['10.244.1.7', '10.244.1.8', '10.244.1.162'].every((one) => now.includes(one)))
  t.notOk(now.includes('10.244.1.163'), 'the 65th')
})

t.test('addresses in plaintext are counted also where templates of paths merge', async (t) => {
  const calls = new ObservedCalls(START)
  const call = (at: number, path: string, startMs = START) =>
    calls.request(request(path, { sourceIdentity: '', downstream: `10.244.1.${at}:1000`, startMs }))
  for (let at = 0; at < 64; at++)
    for (let word = 0; word < 30; word++)
      call(at, `/users/${String.fromCharCode(97 + (word % 26), 97 + word / 26)}`)
  t.ok(calls.series().some(({ path }) => path === '/users/{*}'))
  calls.expire(START + 26 * 3_600_000)
  t.equal(calls.size, 0)
  call(100, '/', START)
  t.same(rows(calls), ['1 http/8080 GET / served plaintext 10.244.1.100'])
})

t.test('opaque connections: that reached the application, that did not, that were refused', async (t) => {
  const calls = new ObservedCalls(START)
  calls.connection(connection())
  calls.connection(connection({ upstream: '' }))
  calls.connection(connection({ upstream: '', details: 'rbac_access_denied_matched_policy[none]' }))
  calls.connection(connection({ upstream: '', destinationPort: 0 }))
  calls.connection(connection({ upstream: '', sourceIdentity: '', details: 'downstream_tls{revoked}' }))
  t.same(rows(calls), [
    `1 tcp/5432   refused ${WEB}`,
    `1 tcp/5432   served ${WEB}`,
    `1 tcp/5432   unanswered ${WEB}`,
  ])
})

t.test('a pod that reaches itself is nobody to allow', async (t) => {
  const calls = new ObservedCalls(START, ['10.244.0.5', 'fd00::5'])
  calls.request(request('/', { destinationIdentity: WEB }))
  calls.request(request('/', { destinationIdentity: WEB, downstream: '[fd00::5]:1' }))
  calls.connection(connection())
  t.equal(calls.size, 0)
  calls.request(request('/', { destinationIdentity: WEB, downstream: '10.244.0.6:1' }))
  calls.request(request('/', { destinationIdentity: 'spiffe://cluster.local/ns/shop/sa/other' }))
  t.equal(calls.size, 1)
})

t.test('words that become one keep their counts and times', async (t) => {
  const calls = new ObservedCalls(START)
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  for (const [i, letter] of letters.split('').entries())
    calls.request(request(`/fruit/${letter}`, { startMs: START + i * 1000 }))
  calls.request(request('/fruit/a', { startMs: START + 50_000, method: 'POST' }))
  t.same(rows(calls), [
    `1 http/8080 POST /fruit/{*} served ${WEB}`,
    `26 http/8080 GET /fruit/{*} served ${WEB}`,
  ])
  const get = calls.series().find(({ method }) => method === 'GET')
  t.match(get, { firstMs: START, lastMs: START + 25_000 })
})

t.test('bounded, whoever calls; what finds no room is counted', async (t) => {
  const calls = new ObservedCalls(START)
  for (let i = 0; i < 2 * MOST_FAILED; i++) calls.request(request('/x', { status: 404, port: 1 + i }))
  t.equal(calls.size, MOST_FAILED)
  t.equal(calls.others, MOST_FAILED)
  for (let i = 0; i < 2000; i++)
    calls.request(request('/', { sourceIdentity: `spiffe://cluster.local/ns/shop/sa/a${i}` }))
  t.equal(calls.size, MOST_CALLS)
  t.equal(calls.others, MOST_FAILED + 2000 - (MOST_CALLS - MOST_FAILED))
  calls.expire(START + 26 * 3_600_000)
  t.equal(calls.size, 0)
  calls.request(request('/'))
  t.same(rows(calls), [`1 http/8080 GET / served ${WEB}`])
})

t.test('of what was not served the oldest goes first, so that what is refused now is seen', async (t) => {
  const calls = new ObservedCalls(START)
  const refuse = (path: string, startMs: number) =>
    calls.request(
      request(path, {
        answered: false,
        status: 403,
        details: 'rbac_access_denied_matched_policy[none]',
        startMs,
      }),
    )
  const word = (at: number) =>
    `/x${String.fromCharCode(97 + (at % 26), 97 + ((at / 26) % 26), 97 + at / 676)}`
  for (let at = 0; at < MOST_FAILED; at++) refuse(word(at), START + at)
  calls.request(request('/served'))
  refuse(word(0), START + 1000)
  const [, second] = calls.series()
  if (!second) throw new Error('there is no second')
  second.told = second.count
  refuse('/now', START + 1001)
  const paths = () => new Set(calls.series().map(({ path }) => path))
  t.same(
    ['/now', word(0), word(1), word(2), '/served'].map((path) => paths().has(path)),
    [true, true, false, true, true],
    'not the one that came again',
  )
  t.equal(calls.others, 0, 'what was told of it is known')
  for (let at = 0; at < 5 * MOST_FAILED; at++) refuse(word(1000 + at), START + 2000 + at)
  t.equal(calls.size, MOST_FAILED + 1)
  t.equal(calls.others, 5 * MOST_FAILED + 1, 'with all that came of those that went')
  t.ok(paths().has(word(1000 + 5 * MOST_FAILED - 1)), 'with its path')
  calls.expire(START + 26 * 3_600_000)
  t.equal(calls.size, 0)
  refuse('/now', START)
  t.same([...paths()], ['/now'])
})

t.test('nothing is lost and nothing is told twice, whatever comes', async () => {
  const path = fc
    .array(
      fc.oneof(
        fc.nat(60).map((i) => `w${String.fromCharCode(97 + (i % 26), 97 + i / 26)}`),
        fc.nat(9).map(String),
      ),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((parts) => `/${parts.join('/')}`)
  const call = fc.record({ path, port: fc.constantFrom(80, 8080), status: fc.constantFrom(200, 200, 404) })
  fc.assert(
    fc.property(fc.array(call, { maxLength: 400 }), (all) => {
      const calls = new ObservedCalls(START)
      for (const { path: one, ...more } of all) calls.request(request(one, more))
      const counted = calls.series().reduce((sum, { count }) => sum + count, calls.others)
      const distinct = new Set(rows(calls).map((row) => row.replace(/^\d+ /, '')))
      return counted === all.length && distinct.size === calls.size && calls.size <= MOST_CALLS
    }),
    { numRuns: 200 },
  )
})

t.test('reports: what is new, everything at times, and again what did not arrive', async (t) => {
  const clock = new ManualClock(0)
  const calls = new ObservedCalls(START)
  const sent: string[][] = []
  let away = false
  const told: (() => void)[] = []
  const report = new ObservedReport({
    calls,
    exporter: {
      traces: async () => {},
      async metrics(one) {
        if (!away) sent.push(pathsOf(one))
        told.splice(0).forEach((done) => done())
        if (away) throw new Error('away')
      },
      close() {},
    },
    resource: {},
    clock,
    now: () => START,
    failed: () => {},
  })
  const next = async (): Promise<void> => {
    const reported = new Promise<void>((resolve) => told.push(resolve))
    clock.advance(5000)
    await reported
    await new Promise(setImmediate)
  }
  await next()
  t.same(sent, [['overflow 0']], 'that it watches')
  calls.request(request('/a'))
  away = true
  await next()
  away = false
  calls.request(request('/b'))
  await next()
  t.same(sent.at(-1), ['/a 1', '/b 1', 'overflow 0'])
  t.same(
    calls.series().map(({ told }) => told),
    [1, 1],
  )
  calls.request(request('/a'))
  await next()
  t.same(sent.at(-1), ['/a 2', 'overflow 0'])
  clock.advance(56 * 5000)
  await next()
  t.same(sent.at(-1), ['/a 2', '/b 1', 'overflow 0'], 'for a control plane that began anew')
  calls.request(request('/b'))
  await report.close()
  t.same(sent.at(-1), ['/b 2', 'overflow 0'], 'what a sidecar saw last')
})

/** As the control plane reads it. */
function pathsOf(report: Request): string[] {
  const { resourceMetrics } = ExportMetricsServiceRequest.decode(ExportMetricsServiceRequest.encode(report))
  const points = resourceMetrics?.[0]?.scopeMetrics?.[0]?.metrics?.[0]?.sum?.dataPoints ?? []
  return points.map(({ asInt, attributes = [] }) => {
    const path = attributes.find(({ key }) => key === 'url.template')?.value?.stringValue
    return `${path ?? 'overflow'} ${asInt}`
  })
}
