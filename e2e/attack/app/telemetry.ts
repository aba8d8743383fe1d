// opentelemetry-proto: trace.proto and metrics.proto.
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { call, field, fixed64, message, mountedToken, onSessions } from './grpc.ts'
import { tally, type Target } from './sockets.ts'

const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const METRICS = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'

const nanoseconds = () => BigInt(Date.now()) * 1_000_000n

/** Without a token: 2 MiB that decode to a million spans, as they are, compressed, and as a message that says 4 GiB. */
export async function withoutToken(target: Target, count: number): Promise<unknown> {
  const spans = Buffer.alloc(2_000_000)
  for (let at = 0; at < spans.length; at += 2) spans[at] = 0x12
  const decoded = field(1, field(2, spans))
  const bodies = [
    // What anybody who is let in is thanked for.
    { body: message(Buffer.alloc(0)) },
    { body: message(decoded) },
    { body: message(gzipSync(Buffer.alloc(64 << 20)), { compressed: true }), encoding: 'gzip' },
    { body: message(decoded, { length: 0xffff_ffff }) },
  ]
  const outcomes = await onSessions(target, 4, async (on) => {
    const statuses: string[] = []
    for (let at = 0; at < count; at++)
      for (const { body, ...more } of bodies)
        statuses.push((await call(on, { path: TRACES, bodies: [body], ...more })).status)
    return statuses
  })
  return { statuses: tally(outcomes.flat()) }
}

/** With a token: frames of 3,000 empty compressed messages, each of which starts a decompression, and 64 MiB compressed. */
export async function compressed(target: Target, count: number): Promise<unknown> {
  const token = mountedToken()
  const bodies = [
    Buffer.concat(Array<Buffer>(3000).fill(message(Buffer.alloc(0), { compressed: true }))),
    message(gzipSync(Buffer.alloc(64 << 20)), { compressed: true }),
  ]
  const outcomes = await onSessions(target, 8, async (on) => {
    const calls = Array.from({ length: count }, (_, at) => {
      const encoding = at % 2 === 0 ? 'gzip' : 'deflate'
      return call(on, { path: TRACES, token, bodies, encoding })
    })
    return (await Promise.all(calls)).map(({ status }) => status)
  })
  return { statuses: tally(outcomes.flat()) }
}

/** Tokens that nobody signed, each another: good to look at, `alg: none`, of 16 KiB, nested a thousand times. */
export async function unsigned(target: Target, count: number): Promise<unknown> {
  const part = (text: string) => Buffer.from(text).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 3600
  const tokenOf = (at: number, index: number): string => {
    const claims = { exp, aud: ['weft'], iss: 'https://kubernetes.default.svc.cluster.local', at, index }
    const head = { alg: index % 4 === 1 ? 'none' : 'ES256', kid: `${at}-${index}` }
    const payload =
      index % 4 === 2
        ? JSON.stringify({ ...claims, more: 'x'.repeat(11_000) })
        : index % 4 === 3
          ? `${'{"a":'.repeat(1000)}${JSON.stringify(claims)}${'}'.repeat(1000)}`
          : JSON.stringify(claims)
    return `${part(JSON.stringify(head))}.${part(payload)}.${index % 4 === 1 ? '' : 'AAAA'}`
  }
  const AT_ONCE = 25
  const outcomes = await onSessions(target, 10, async (on, at) => {
    const statuses: string[] = []
    for (let from = 0; from < count; from += AT_ONCE) {
      const calls = Array.from({ length: AT_ONCE }, (_, index) =>
        call(on, { path: TRACES, token: tokenOf(at, from + index), bodies: [message(Buffer.alloc(0))] }),
      )
      for (const { status } of await Promise.all(calls)) statuses.push(status)
    }
    return statuses
  })
  return { statuses: tally(outcomes.flat()) }
}

/** KeyValue with a text: key = 1, value = 2 { string_value = 1 }. */
const attribute = (key: string, value: string) =>
  Buffer.concat([field(1, Buffer.from(key)), field(2, field(1, Buffer.from(value)))])

/** A push of one histogram, as a sidecar tells of what it got (`server`) or sent (`client`). HistogramDataPoint: start = 2, time = 3, count = 4, bucket_counts = 6, attributes = 9. */
function histogram(
  points: readonly (readonly [key: string, value: string][])[],
  count: bigint,
  side = 'server',
): Buffer {
  const counted = Buffer.alloc(8)
  counted.writeBigUInt64LE(count)
  const data = points.map((attributes) =>
    field(
      1,
      Buffer.concat([
        ...attributes.map(([key, value]) => field(9, attribute(key, value))),
        fixed64(2, START),
        fixed64(3, nanoseconds()),
        fixed64(4, count),
        field(6, counted),
      ]),
    ),
  )
  // Histogram: data_points = 1, aggregation_temporality = 2 (CUMULATIVE); Metric: name = 1, histogram = 9.
  const metric = Buffer.concat([
    field(1, Buffer.from(`http.${side}.request.duration`)),
    field(9, Buffer.concat([...data, Buffer.from([0x10, 2])])),
  ])
  return message(field(1, field(2, field(2, metric))))
}
const START = nanoseconds()

const KNOWN = [
  'http.request.method',
  'http.response.status_code',
  'http.route',
  'rpc.grpc.status_code',
  'weft.cluster',
  'weft.destination_service',
  'weft.mtls',
  'weft.response_flags',
  'weft.source_identity',
]

const SERIES_MS = 15_000

/** Series without end: a few of 72 kB in attributes that nobody knows, and many of 9 kB in those that are known. */
export async function series(target: Target, count: number): Promise<unknown> {
  const token = mountedToken()
  const point = (keys: readonly string[], id: string) =>
    keys.map((key): [string, string] => [key, id.padEnd(1000, 'x')])
  const unknown = Array.from({ length: 70 }, (_, at) => `key-${at}`)
  const outcomes = await onSessions(target, 2, async (on, at) => {
    const statuses: string[] = []
    // Who is held back is done sooner.
    for (let push = 0; push < count && performance.now() < SERIES_MS; push++) {
      const points = Array.from({ length: 150 }, (_, index) =>
        point(index < 6 ? unknown : KNOWN, `${at}-${push}-${index}-`),
      )
      statuses.push((await call(on, { path: METRICS, token, bodies: [histogram(points, 1n)] })).status)
    }
    return statuses
  })
  return { statuses: tally(outcomes.flat()) }
}

/** Figures for a rule that only clients of another namespace follow. */
export async function figures(target: Target, rule: string, cluster: string): Promise<unknown> {
  const token = mountedToken()
  const point: [string, string][] = [
    ['http.route', rule],
    ['weft.cluster', cluster],
    ['weft.destination_service', 'server.shop'],
  ]
  const outcomes = await onSessions(target, 1, async (on) => {
    const statuses: string[] = []
    for (const count of [1n, 1000n, 100_000n])
      statuses.push(
        (await call(on, { path: METRICS, token, bodies: [histogram([point], count, 'client')] })).status,
      )
    return statuses
  })
  return { statuses: tally(outcomes.flat()) }
}

interface KnownSpan {
  readonly traceId: string
  readonly spanId: string
}

/** The same spans as those given once more under another name, and further ones in their traces; then `count` pushes of new traces. */
export async function spans(target: Target, count: number, known: readonly KnownSpan[]): Promise<unknown> {
  const token = mountedToken()
  // Span: trace_id = 1, span_id = 2, name = 5, kind = 6, start = 7, end = 8. Long ago, so that it would be the first.
  const span = (traceId: Buffer, spanId: Buffer, kind: number, called: string, at = nanoseconds()) =>
    field(
      2,
      Buffer.concat([
        field(1, traceId),
        field(2, spanId),
        field(5, Buffer.from(called)),
        Buffer.from([0x30, kind]),
        fixed64(7, at),
        fixed64(8, at + 1000n),
      ]),
    )
  const forged = known.flatMap(({ traceId, spanId }) =>
    [1, 2, 3, 4, 5].flatMap((kind) => [
      span(Buffer.from(traceId, 'hex'), Buffer.from(spanId, 'hex'), kind, 'forged'),
      span(Buffer.from(traceId, 'hex'), randomBytes(8), kind, 'forged', 1000n),
    ]),
  )
  const outcomes = await onSessions(target, 1, async (on) => {
    const send = async (all: readonly Buffer[]) => {
      const bodies = [message(field(1, field(2, Buffer.concat(all))))]
      return (await call(on, { path: TRACES, token, bodies })).status
    }
    const statuses = [await send(forged)]
    for (let push = 0; push < count; push++)
      statuses.push(
        await send(Array.from({ length: 500 }, () => span(randomBytes(16), randomBytes(8), 2, 'filler'))),
      )
    return statuses
  })
  return { statuses: tally(outcomes.flat()) }
}
