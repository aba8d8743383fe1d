import { randomBytes } from 'node:crypto'
import { eventually, load, onePod, type Step } from '../scenario.ts'

interface Span {
  readonly spanId: string
  readonly parentSpanId: string
  readonly kind: string
  readonly service: string
  readonly attributes: Readonly<Record<string, unknown>>
}

const HOPS = ['client', 'web', 'web', 'catalog', 'catalog', 'inventory']

const answered = (span: Span) => span.attributes['http.response.status_code'] === 200

/** Of a hop that was tried more than once, between its own span and the server's. */
const isTry = (span: Span) => span.attributes['weft.try'] !== undefined

/** From a span to its child, and on. A read that was sent again has a child for each try: one that was answered. */
function chainBelow(parent: string, spans: readonly Span[]): Span[] {
  const children = spans.filter((span) => span.parentSpanId === parent)
  const next = children.find(answered) ?? children[0]
  return next ? [next, ...chainBelow(next.spanId, spans)] : []
}

export const trace: Step = {
  name: 'trace',
  expected:
    'one request through web, catalog and inventory: client and server span of each hop with right parents',
  async run(cluster) {
    const client = await onePod(cluster, 'shop', 'client')
    const traceId = randomBytes(16).toString('hex')
    const parent = randomBytes(8).toString('hex')
    await load(
      cluster,
      client,
      '--url',
      'http://web:8080/stocked/42',
      '--count',
      '1',
      '--header',
      `traceparent:00-${traceId}-${parent}-01`,
    )
    let count = 0
    const chain = await eventually(15, `an answered span of each hop of trace ${traceId}`, async () => {
      try {
        const { spans } = (await cluster.api(`/api/traces/${traceId}`)) as { spans: Span[] }
        count = spans.length
        const found = chainBelow(parent, spans).filter((span) => !isTry(span))
        return found.length >= HOPS.length && found.every(answered) ? found : undefined
      } catch {
        return undefined
      }
    })
    const kinds = chain.map((span) => span.kind).join(' ')
    const services = chain.map((span) => span.service)
    const described = chain.every((span) => span.attributes['weft.route'] !== undefined)
    const retried = chain.filter(
      (span) => Number(span.attributes['http.request.resend_count'] ?? 0) > 0,
    ).length
    const ok =
      kinds === 'client server client server client server' &&
      services.every((service, i) => service.startsWith(HOPS[i] ?? '?')) &&
      described
    return {
      ok,
      observed: `${count} spans: ${chain.map((span) => `${span.service} ${span.kind}`).join(' > ')}; route ${described ? 'told' : 'missing'}, ${retried} retried`,
    }
  },
}
