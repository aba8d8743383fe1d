import { eventually, type Step } from '../demo/scenario.ts'
import type { TelemetryBed } from './bed.ts'
import type { JaegerSpan, JaegerTrace } from './jaeger.ts'
import type { Sent } from './traffic.ts'

const PATIENCE_S = 60
/** Of one `/stocked/` request: who reports, and as what, from the caller on. */
const CHAIN = [
  'client client GET',
  'web server GET',
  'web client GET',
  'catalog server GET',
  'catalog client GET',
  'inventory server GET',
]

/** What a real Jaeger got, by way of the control plane and the Collector. */
export function jaegerSteps(sent: () => Sent): readonly Step<TelemetryBed>[] {
  return [
    {
      name: 'spans in Jaeger',
      expected: 'as many as requests had sides with a sidecar, each once',
      run: async ({ jaeger }) => {
        let seen = 0
        const found = async () => {
          const spans = new Set<string>()
          for (const { spans: its } of await allTraces(jaeger))
            for (const { spanID } of its) spans.add(spanID)
          seen = spans.size
          return seen === sent().spans ? true : undefined
        }
        const ok = await eventually(PATIENCE_S, 'the spans', found).catch(() => false)
        return { ok, observed: `${seen} of ${sent().spans}` }
      },
    },
    {
      name: 'a trace in Jaeger',
      expected: `${CHAIN.join(' > ')}, each the parent of the next`,
      run: async ({ jaeger }) => {
        const whole = (await jaeger.traces('inventory')).filter(({ spans }) => spans.length === CHAIN.length)
        const chains = new Set(whole.map((trace) => chainOf(trace).join(' > ')))
        return {
          ok: chains.size === 1 && chains.has(CHAIN.join(' > ')),
          observed: `${whole.length} traces: ${[...chains].join('; ')}`,
        }
      },
    },
    {
      name: 'from a metric to its trace',
      expected: 'exemplars of durations name traces that Jaeger has',
      run: async ({ jaeger, prometheus }) => {
        const ids = await prometheus.exemplars('http_client_request_duration_seconds_bucket')
        const lost = new Set(ids)
        const found = async () => {
          for (const id of lost) if ((await jaeger.trace(id)) !== undefined) lost.delete(id)
          return lost.size === 0 ? true : undefined
        }
        await eventually(PATIENCE_S, 'the traces of exemplars', found).catch(() => false)
        return {
          ok: ids.length > 0 && lost.size === 0,
          observed: `${ids.length} exemplars${lost.size > 0 ? `; not there: ${[...lost].join(', ')}` : ''}`,
        }
      },
    },
  ]
}

async function allTraces(jaeger: TelemetryBed['jaeger']): Promise<readonly JaegerTrace[]> {
  // It traces itself, too.
  const services = (await jaeger.services()).filter((service) => !service.startsWith('jaeger'))
  return (await Promise.all(services.map((service) => jaeger.traces(service)))).flat()
}

/** From the span without a parent to its child, and on. */
function chainOf({ spans, processes }: JaegerTrace): readonly string[] {
  const childOf = (parent: string | undefined): JaegerSpan | undefined =>
    spans.find(
      ({ references }) => references.find(({ refType }) => refType === 'CHILD_OF')?.spanID === parent,
    )
  const chain: string[] = []
  for (let span = childOf(undefined); span && chain.length < spans.length; span = childOf(span.spanID)) {
    const kind = span.tags.find(({ key }) => key === 'span.kind')?.value
    const service = processes[span.processID]?.serviceName.replace(/-v\d$/, '')
    chain.push(`${service} ${String(kind)} ${span.operationName}`)
  }
  return chain
}
