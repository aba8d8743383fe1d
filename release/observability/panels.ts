import type { PanelDescription, QueryDescription } from './description.ts'
import { CLIENT, failedShare, INTERVAL, joined, perSecond, quantile, requests } from './queries.ts'

// Panels that several boards have.

type Look = Pick<PanelDescription, 'description' | 'width' | 'thresholds' | 'stacked' | 'columns'>

/** Share of failed requests from which on a panel warns and alarms, 0 to 1. */
const FAILED_SHARE = { warn: 0.01, bad: 0.05 }

export const NAMESPACE = {
  name: 'namespace',
  label: 'Namespace',
  query: 'label_values(http_server_request_duration_seconds_count, weft_destination_namespace)',
} as const

/** Services that somebody in the mesh has called; of a split, those that it is split among. */
export const SERVICE = {
  name: 'service',
  label: 'Service',
  query: `label_values(${CLIENT}_count, weft_destination_service)`,
} as const

/** Requests a second, failed share and p99 by a label: three graphs that fill a line of the board. */
export function golden(histogram: string, matchers: string, by: string): readonly PanelDescription[] {
  const legend = `{{${by}}}`
  return [
    graph('Requests', 'reqps', [{ expr: requests(histogram, matchers, [by]), legend }]),
    failures('Failed share', [{ expr: failedShare(histogram, matchers, [by]), legend }]),
    graph('p99', 's', [{ expr: quantile(0.99, histogram, matchers, [by]), legend }]),
  ]
}

/** The three quantiles of all requests together. */
export function quantiles(histogram: string, matchers: string, look: Partial<Look> = {}): PanelDescription {
  return graph(
    'Duration',
    's',
    [0.5, 0.9, 0.99].map((q) => ({ expr: quantile(q, histogram, matchers), legend: `p${q * 100}` })),
    look,
  )
}

/** What went wrong, by Envoy's letters. */
export function flags(histogram: string, matchers: string, look: Partial<Look> = {}): PanelDescription {
  return graph(
    'Response flags',
    'reqps',
    [
      {
        expr: requests(histogram, joined(matchers, 'weft_response_flags!="-"'), ['weft_response_flags']),
        legend: '{{weft_response_flags}}',
        mayBeEmpty: true,
      },
    ],
    { description: 'What the letters mean: docs/observability.md of Weft.', ...look },
  )
}

/** A counter that should stand still, a second. */
export function trouble(counter: string, legend: string, by: readonly string[] = []): QueryDescription {
  return { expr: perSecond(counter, '', by), legend, mayBeEmpty: true }
}

export function graph(
  title: string,
  unit: string,
  queries: readonly QueryDescription[],
  look: Partial<Look> = {},
): PanelDescription {
  return { kind: 'graph', title, unit, width: 8, min: 0, queries, ...look }
}

/** A share from 0 to 1 of failed requests. */
export function failures(
  title: string,
  queries: readonly QueryDescription[],
  look: Partial<Look> = {},
): PanelDescription {
  return { ...graph(title, 'percentunit', queries, look), max: 1, thresholds: FAILED_SHARE }
}

export function stat(
  title: string,
  unit: string,
  expr: string,
  look: Partial<Look> & Pick<QueryDescription, 'mayBeEmpty'> = {},
): PanelDescription {
  const { mayBeEmpty, ...panel } = look
  const query = { expr, legend: title, ...(mayBeEmpty === undefined ? {} : { mayBeEmpty }) }
  return { kind: 'stat', title, unit, width: 4, queries: [query], ...panel }
}

export function failedStat(title: string, expr: string): PanelDescription {
  return stat(title, 'percentunit', expr, { thresholds: FAILED_SHARE })
}

/** What became of a counter in the interval of the graph. */
export function grown(counter: string, by: readonly string[] = []): string {
  return `sum${by.length > 0 ? ` by (${by.join(', ')})` : ''}(increase(${counter}[${INTERVAL}]))`
}
