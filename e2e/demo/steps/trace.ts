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
    const spans = await eventually(15, `six spans of trace ${traceId}`, async () => {
      try {
        const found = (await cluster.api(`/api/traces/${traceId}`)) as { spans: Span[] }
        return found.spans.length >= HOPS.length ? found.spans : undefined
      } catch {
        return undefined
      }
    })
    const chain: Span[] = []
    for (let at = parent; ;) {
      const next = spans.find((span) => span.parentSpanId === at)
      if (!next) break
      chain.push(next)
      at = next.spanId
    }
    const kinds = chain.map((span) => span.kind).join(' ')
    const services = chain.map((span) => span.service)
    const described = chain.every(
      (span) =>
        span.attributes['http.response.status_code'] === 200 && span.attributes['http.route'] !== undefined,
    )
    const retried = chain.filter(
      (span) => Number(span.attributes['http.request.resend_count'] ?? 0) > 0,
    ).length
    const ok =
      kinds === 'client server client server client server' &&
      services.every((service, i) => service.startsWith(HOPS[i] ?? '?')) &&
      described
    return {
      ok,
      observed: `${spans.length} spans: ${chain.map((span) => `${span.service} ${span.kind}`).join(' > ')}; status and route ${described ? 'told' : 'missing'}, ${retried} retried`,
    }
  },
}
