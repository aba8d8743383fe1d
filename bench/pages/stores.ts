import { BUCKETS } from '../../control-plane/serve/telemetry/durations.ts'
import type { DecisionStore } from '../../control-plane/serve/telemetry/decision-store.ts'
import { MetricStore, pairKey } from '../../control-plane/serve/telemetry/metric-store.ts'
import type { ObservedStore } from '../../control-plane/serve/telemetry/observed-store.ts'
import type { StoredSpan } from '../../control-plane/serve/telemetry/stored-span.ts'
import type { TraceStore } from '../../control-plane/serve/telemetry/trace-store.ts'
import { OBSERVED_ATTRIBUTES } from '../../core/observed-calls.ts'
import { podName, serviceAt, type MeshSize } from './mesh.ts'

export interface Stores {
  readonly metrics: MetricStore
  readonly traces: TraceStore
  readonly decisions: DecisionStore
  readonly observed: ObservedStore
}

/** Services that call each one. */
const CALLERS = 3
const TRACES = 5000
const REFUSALS = 2000

/** As sidecars tell in two minutes before `now`: who calls whom, by which rule; traces, refusals, and what each pod saw of its callers. */
export function fill({ metrics, traces, decisions, observed }: Stores, size: MeshSize, now: number): void {
  const counts = new Float64Array(BUCKETS)
  counts[10] = 900
  counts[40] = 100
  const kind = { outcome: 'answered', transport: 'mutualTls' } as const
  for (let index = 0; index < size.services; index++) {
    const { namespace, name } = serviceAt(size, index)
    const key = `${name}.${namespace}`
    const callers = Array.from({ length: CALLERS }, (_, caller) =>
      serviceAt(size, (index + 1 + caller) % size.services),
    )
    const rows = [
      [metrics.servers, key],
      [metrics.destinations, key],
      [metrics.backends, pairKey(`HTTPRoute/${namespace}/${name}/0`, `${namespace}/${name}/80`)],
      ...callers.map((one) => [metrics.edges, pairKey(`${one.name}.${one.namespace}`, key)] as const),
    ] as const
    for (const [table, row] of rows) table.at(row, namespace, now).add(counts, kind, now - 120_000, now)
    for (let pod = 0; pod < size.podsOfEach; pod++)
      for (const caller of callers)
        observed.add(
          {
            kind: 'sum',
            name: 'weft.observed.calls',
            temporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
            point: pointOf(caller, now),
          } as Parameters<ObservedStore['add']>[0],
          { service: name, namespace, pod: podName(name, pod), behind: [key] },
          now,
        )
  }
  for (let index = 0; index < TRACES; index++)
    for (const [hop, spanKind] of (['client', 'server'] as const).entries())
      traces.add(spanOf(size, index, hop, spanKind, now))
  for (let index = 0; index < REFUSALS; index++)
    decisions.add({
      ...spanOf(size, index, 1, 'server', now),
      attributes: {
        'weft.policy.decision': 'denied',
        'http.request.method': 'GET',
        'weft.source_identity': `spiffe://cluster.local/ns/other/sa/caller-${index % 50}`,
      },
    })
}

function pointOf(caller: { namespace: string; name: string }, now: number): unknown {
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  return {
    startTimeUnixNano: BigInt(now - 100_000) * 1_000_000n,
    timeUnixNano: BigInt(now) * 1_000_000n,
    asInt: 100n,
    attributes: [
      text(OBSERVED_ATTRIBUTES.source, `spiffe://cluster.local/ns/${caller.namespace}/sa/${caller.name}`),
      { key: OBSERVED_ATTRIBUTES.port, value: { intValue: 8080n } },
      text(OBSERVED_ATTRIBUTES.protocol, 'http'),
      text(OBSERVED_ATTRIBUTES.method, 'GET'),
      text(OBSERVED_ATTRIBUTES.path, '/api/items/{*}'),
      text(OBSERVED_ATTRIBUTES.outcome, 'served'),
    ],
  }
}

function spanOf(
  size: MeshSize,
  index: number,
  hop: number,
  kind: StoredSpan['kind'],
  now: number,
): StoredSpan {
  const { namespace, name } = serviceAt(size, (index + hop) % size.services)
  const id = (index + 1).toString(16)
  return {
    traceId: id.padStart(32, '0'),
    spanId: `${id}${hop}`.padStart(16, '0'),
    parentSpanId: hop === 0 ? '' : `${id}0`.padStart(16, '0'),
    name: 'GET',
    kind,
    service: name,
    namespace,
    pod: podName(name, 0),
    startMs: now - 60_000 + hop,
    durationMs: 10 - hop,
    status: 'unset',
    statusMessage: '',
    attributes: {
      'http.request.method': 'GET',
      'url.path': '/api/items/7',
      'http.response.status_code': 200,
    },
  }
}
