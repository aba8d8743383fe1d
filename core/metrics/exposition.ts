import type { MetricFamily } from './family.ts'
import { OPENMETRICS_TYPE, openMetricsText } from './openmetrics.ts'
import { PROMETHEUS_TEXT_TYPE, prometheusText } from './prometheus-text.ts'
import { PROTOBUF_TYPE, prometheusProtobuf } from './prometheus-protobuf.ts'

export type ExpositionFormat = 'text' | 'openmetrics' | 'protobuf'

export interface Exposition {
  readonly type: string
  readonly body: string | Buffer
}

export interface ExpositionRequest {
  readonly format: ExpositionFormat
  /** OpenMetrics: with when counters began. */
  readonly created: boolean
}

// What may stand in Accept is the asker's; what is beyond that is none that a scraper sends.
const LONGEST_ACCEPT = 4096

/**
 * What an asker wants by its Accept (RFC 9110 section 12.5.1): the format with the most weight, the first of equal ones, and
 * the classic text where it names none that there is. `created`: by the parameter of that name in the query.
 */
export function expositionRequest(accept: string | undefined, query: URLSearchParams): ExpositionRequest {
  let best: ExpositionFormat = 'text'
  let weight = 0
  for (const part of (accept ?? '').slice(0, LONGEST_ACCEPT).split(',')) {
    const [type = '', ...rest] = part.split(';').map((one) => one.trim().toLowerCase())
    const parameters = new Map(rest.map((one) => pairOf(one)))
    const format = formatOf(type, parameters)
    const q = Number(parameters.get('q') ?? '1')
    if (format === undefined || !(q > weight)) continue
    best = format
    weight = q
  }
  return { format: best, created: query.has('created') }
}

/** The metrics in the format that was asked for, with its content type. */
export function exposition(
  families: readonly MetricFamily[],
  { format, created }: ExpositionRequest,
): Exposition {
  switch (format) {
    case 'openmetrics':
      return { type: OPENMETRICS_TYPE, body: openMetricsText(families, created) }
    case 'protobuf':
      return { type: PROTOBUF_TYPE, body: prometheusProtobuf(families) }
    case 'text':
      return { type: PROMETHEUS_TEXT_TYPE, body: prometheusText(families) }
  }
}

function formatOf(type: string, parameters: ReadonlyMap<string, string>): ExpositionFormat | undefined {
  const version = parameters.get('version')
  if (type === 'application/openmetrics-text')
    return version === undefined || version === '1.0.0' ? 'openmetrics' : undefined
  if (type === 'application/vnd.google.protobuf')
    return parameters.get('proto') === 'io.prometheus.client.metricfamily' &&
      parameters.get('encoding') === 'delimited'
      ? 'protobuf'
      : undefined
  if (type === 'text/plain') return version === undefined || version === '0.0.4' ? 'text' : undefined
  return type === 'text/*' || type === '*/*' ? 'text' : undefined
}

function pairOf(parameter: string): readonly [name: string, value: string] {
  const at = parameter.indexOf('=')
  return at < 0
    ? [parameter, '']
    : [
        parameter.slice(0, at).trim(),
        parameter
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1'),
      ]
}
