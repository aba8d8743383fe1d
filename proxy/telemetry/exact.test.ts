import t from 'tap'
import { ExportTraceServiceRequest, Span } from '../../core/xds/generated/otlp.js'
import { MemoryExchange, type Sending } from '../exchange/testing/memory-exchange.ts'
import { field } from '../http/message.ts'
import type { ForwardAction, Route } from '../model/route.ts'
import { forwardTo, MANAGER, RETRY_503 } from '../testing/static-configuration.ts'
import type { FakeStream } from '../upstream/testing/fake-connection.ts'
import { Telemetry } from './telemetry.ts'

// Known traffic through an exchange in memory, and what is told of it: as many spans, log lines and counts as requests, and
// as many spans of tries as tries.

const RETRY = { ...RETRY_503, retries: 2 }
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const SAMPLED = ['traceparent', `00-${TRACE}-${PARENT}-01`]

/** What reached a server: its context as it was then. */
interface Reached {
  readonly port: number
  readonly spanId: string
  readonly requestId: string
}

class Bed {
  readonly mesh = new MemoryExchange()
  readonly reached: Reached[] = []
  readonly lines: Record<string, unknown>[] = []
  readonly #exported: ExportTraceServiceRequest[] = []
  readonly telemetry: Telemetry
  #sent = 0

  /** `answer`: by the server at a port; what it does nothing for waits. */
  constructor(direction: 'outbound' | 'inbound', change: Partial<ForwardAction>, route: Partial<Route> = {}) {
    const { mesh } = this
    this.telemetry = new Telemetry({
      resource: new Map(),
      exporter: {
        traces: async (request) => void this.#exported.push(ExportTraceServiceRequest.decode(request)),
        metrics: async () => {},
        close() {},
      },
      accessLog: 'all',
      write: (text) => {
        for (const line of text.trimEnd().split('\n')) this.lines.push(JSON.parse(line))
      },
      clock: mesh.clock,
      pushMs: 3_600_000,
    })
    mesh.telemetry = this.telemetry
    mesh.hop = { ...mesh.hop, direction }
    mesh.settings = { ...MANAGER, traffic: direction }
    mesh.setRoutes([{ ...forwardTo({ app: 1 }, change), ...route }])
    mesh.upstream.configuration.setCluster('app', [1, 2, 3])
    mesh.upstream.configuration.setCluster('copy', [9])
    for (const port of [1, 2, 3, 9])
      mesh.upstream.server(port).onStream = ({ head: { fields } }) => {
        const spanId = field(fields, 'traceparent')?.slice(36, 52) ?? ''
        this.reached.push({ port, spanId, requestId: field(fields, 'x-request-id') ?? '' })
      }
  }

  send(sending: Sending = {}) {
    const fields = [...SAMPLED, 'x-request-id', `r${this.#sent++}`, ...(sending.fields ?? [])]
    const caller = this.mesh.send({ ...sending, fields })
    this.mesh.clock.advance(0)
    return caller
  }

  /** The newest request that waits at any of the servers, in the order of their ports. */
  get waiting(): FakeStream | undefined {
    return [1, 2, 3].flatMap((port) => this.mesh.upstream.server(port).streams).find(({ over }) => !over)
  }

  answer(status: number, body = ''): void {
    this.waiting?.respond(status, body)
    this.mesh.clock.advance(5)
    this.mesh.clock.advance(0)
  }

  async spans(): Promise<Span[]> {
    await this.telemetry.close()
    return this.#exported.flatMap(({ resourceSpans = [] }) =>
      resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans)),
    )
  }
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

function told(span: Span, key: string): string | undefined {
  return span.attributes?.find((one) => one.key === key)?.value?.stringValue
}

interface Case {
  readonly name: string
  readonly change?: Partial<ForwardAction>
  readonly route?: Partial<Route>
  readonly send: (bed: Bed) => void
  /** Kinds of the tries, where there were several, and copies. */
  readonly tries?: readonly string[]
  readonly requests?: number
}

const CASES: readonly Case[] = [
  {
    name: 'answered',
    requests: 3,
    send(bed) {
      for (const status of [200, 404, 503]) {
        bed.send()
        bed.answer(status, 'body')
      }
    },
  },
  {
    name: 'answered after two retries',
    change: { retry: RETRY },
    tries: ['first', 'retry', 'retry'],
    send(bed) {
      bed.send()
      bed.answer(503)
      bed.answer(503)
      bed.answer(200)
    },
  },
  {
    name: 'retries that come to nothing',
    change: { retry: RETRY },
    tries: ['first', 'retry', 'retry'],
    send(bed) {
      bed.send()
      for (let i = 0; i < 3; i++) bed.answer(503)
    },
  },
  {
    name: 'connections that are refused',
    change: { retry: RETRY },
    tries: ['first', 'retry', 'retry'],
    send(bed) {
      for (const port of [1, 2, 3]) bed.mesh.upstream.server(port).connect = 'refuse'
      bed.send()
      for (let i = 0; i < 10; i++) bed.mesh.clock.advance(10)
    },
  },
  {
    name: 'a hedge that wins',
    change: { hedge: { afterMs: 50, max: 1, nonIdempotent: false } },
    tries: ['first', 'hedge'],
    send(bed) {
      bed.send()
      bed.mesh.clock.advance(50)
      bed.mesh.clock.advance(0)
      const open = [1, 2, 3].flatMap((port) => bed.mesh.upstream.server(port).streams)
      open.find(({ head }) => field(head.fields, 'x-request-id'))?.respond(200)
    },
  },
  {
    name: 'a caller that leaves while it is tried again',
    change: { retry: { ...RETRY, backoffBaseMs: 100, backoffMaxMs: 100 } },
    send(bed) {
      const caller = bed.send()
      bed.waiting?.respond(503)
      caller.leave()
      bed.mesh.clock.advance(200)
    },
  },
  {
    name: 'a caller that leaves in the second try',
    change: { retry: RETRY },
    tries: ['first', 'retry'],
    send(bed) {
      const caller = bed.send()
      bed.answer(503)
      caller.leave()
    },
  },
  {
    name: 'a copy for a mirror',
    change: { mirrors: [{ cluster: 'copy', percent: 100, shadowSuffix: false }] },
    tries: ['mirror'],
    send(bed) {
      bed.send()
      bed.answer(200)
    },
  },
  {
    name: 'timed out',
    change: { timeoutMs: 1000 },
    send(bed) {
      bed.send()
      bed.mesh.clock.advance(1000)
    },
  },
  {
    name: 'broken off in the middle of the answer, and left there',
    requests: 2,
    send(bed) {
      bed.send()
      bed.waiting?.sendHead(200, [], false)
      bed.waiting?.fail('connection')
      const caller = bed.send()
      bed.waiting?.sendHead(200, [], false)
      caller.leave()
    },
  },
  {
    name: 'a call whose answer ends before its request',
    send(bed) {
      bed.mesh.hop = { ...bed.mesh.hop, http2: true }
      const caller = bed.send({
        method: 'POST',
        path: '/a.B/C',
        fields: ['content-type', 'application/grpc'],
        open: true,
      })
      caller.say('one')
      bed.waiting?.respond(200, '', ['grpc-status', '8'])
      caller.finish()
    },
  },
  {
    name: 'an upgrade, its tunnel among it',
    change: { upgrades: ['websocket'] },
    send(bed) {
      const caller = bed.send({ upgrade: 'websocket', open: true })
      bed.waiting?.sendHead(101, [], false)
      caller.say('hello')
      caller.leave()
    },
  },
  {
    name: 'CONNECT',
    change: { upgrades: ['connect'] },
    route: { match: { path: { kind: 'connect' }, headers: [], query: [], grpc: false } },
    send(bed) {
      const caller = bed.send({ method: 'CONNECT', path: '', open: true })
      bed.waiting?.sendHead(200, [], false)
      caller.leave()
    },
  },
  {
    name: 'answered here',
    requests: 3,
    send(bed) {
      bed.mesh.setRoutes([{ ...forwardTo({}), action: { kind: 'direct', status: 418, body: 'tea' } }])
      bed.send()
      bed.mesh.setRoutes([])
      bed.send()
      bed.mesh.setRoutes([forwardTo({ unknown: 1 })])
      bed.mesh.upstream.configuration.setCluster('unknown', [])
      bed.send()
    },
  },
]

for (const direction of ['outbound', 'inbound'] as const)
  for (const { name, change = {}, route, send, tries = [], requests = 1 } of CASES)
    t.test(`${direction}: ${name}`, async (t) => {
      const bed = new Bed(direction, change, route)
      send(bed)
      // A copy is sent in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve))
      bed.mesh.clock.advance(0)
      for (const copy of bed.mesh.upstream.server(9).streams) if (!copy.over) copy.respond(204)
      const spans = await bed.spans()
      t.equal(bed.mesh.records.length, requests, 'all have ended')
      const hops = spans.filter((span) => told(span, 'weft.try') === undefined)
      const ids = (list: readonly (string | undefined)[]): unknown[] =>
        [...list].map(String).toSorted((a, b) => a.localeCompare(b))
      const expected = Array.from({ length: requests }, (_, i) => `r${i}`)
      t.same(ids(hops.map((span) => told(span, 'weft.request_id'))), expected, 'a span each')
      t.same(ids(bed.lines.map(({ request_id }) => request_id as string)), expected, 'a line each')
      t.same([...new Set(bed.lines.map(({ trace_id }) => trace_id))], [TRACE])
      const counted = [...bed.telemetry.metrics.requests].reduce((sum, { count }) => sum + count, 0)
      t.equal(counted, requests, 'each counted once')
      t.ok(hops.every((span) => hex(span.parentSpanId) === PARENT))
      const parts = spans.filter((span) => told(span, 'weft.try') !== undefined)
      t.same(
        parts.map((span) => told(span, 'weft.try')),
        tries,
      )
      t.ok(
        parts.every((span) => hex(span.parentSpanId) === hex(hops[0]?.spanId)),
        'they hang from the hop',
      )
      // What a server was told is a span that is there, of another one each.
      const known = new Set(spans.map((span) => hex(span.spanId)))
      t.same(
        bed.reached.filter(({ spanId }) => !known.has(spanId)),
        [],
      )
      t.equal(new Set(bed.reached.map(({ spanId }) => spanId)).size, bed.reached.length)
      t.equal(known.size, spans.length, 'identifiers are of one span')
      t.ok(
        spans.every(
          ({ startTimeUnixNano = 0n, endTimeUnixNano = 0n }) => endTimeUnixNano >= startTimeUnixNano,
        ),
      )
    })

t.test(
  'an unsampled request that fails has its hop and its tries, and its figures an exemplar',
  async (t) => {
    const bed = new Bed('outbound', { retry: RETRY })
    const { mesh } = bed
    mesh.send({ fields: ['traceparent', `00-${TRACE}-${PARENT}-00`] })
    mesh.clock.advance(0)
    for (let i = 0; i < 3; i++) bed.answer(503)
    mesh.send({ fields: ['traceparent', `00-${TRACE}-${PARENT}-00`] })
    mesh.clock.advance(0)
    bed.answer(200)
    const spans = await bed.spans()
    t.same(
      spans.map((span) => told(span, 'weft.kept') ?? told(span, 'weft.try')),
      ['error', 'first', 'retry', 'retry'],
    )
    const [hop, ...tries] = spans
    t.ok(tries.every((span) => hex(span.parentSpanId) === hex(hop?.spanId)))
    t.equal(new Set(spans.map((span) => hex(span.spanId))).size, 4, 'each with an identifier of its own')
    t.ok(spans.every(({ flags }) => flags === 0))
    // Of what is told nowhere else nobody could look at the trace.
    const exemplars = [...bed.telemetry.metrics.requests].map(({ labels, exemplars: all }) => [
      labels.status,
      all?.flatMap((one) => (one ? [one.traceId, one.spanId] : [])),
    ])
    t.same(exemplars, [
      ['503', [TRACE, hex(hop?.spanId)]],
      ['200', undefined],
    ])
    t.same(
      bed.lines.map(({ trace_id, attempts }) => [trace_id, attempts]),
      [
        [TRACE, 3],
        [TRACE, 1],
      ],
    )
    t.same([...new Set(bed.reached.map(({ spanId }) => spanId))], [PARENT], 'its context passed unchanged')
  },
)
