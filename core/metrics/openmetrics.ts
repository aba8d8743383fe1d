import { familyName, prometheusUnit, type HistogramPoint, type MetricFamily } from './family.ts'
import { braced, exemplarText, LabelTexts } from './text-lines.ts'

/** https://prometheus.io/docs/specs/om/open_metrics_spec/#protocol-negotiation */
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/**
 * OpenMetrics 1.0, with a trace for each bucket of a histogram that has one. `created`: with a sample of when each
 * counter and histogram began, which old Prometheus takes for a series of its own.
 */
export function openMetricsText(families: readonly MetricFamily[], created: boolean): string {
  const lines: string[] = []
  const labels = new LabelTexts()
  for (const family of families) {
    if (family.points.length === 0) continue
    const name = familyName(family)
    const unit = prometheusUnit(family)
    lines.push(`# TYPE ${name} ${family.type}`)
    if (unit !== '') lines.push(`# UNIT ${name} ${unit}`)
    lines.push(`# HELP ${name} ${escapeHelp(family.help)}`)
    const end = family.type === 'counter' ? '_total' : family.type === 'info' ? '_info' : ''
    if (family.type === 'histogram')
      for (const point of family.points)
        pushHistogram(lines, name, family.bounds, point, labels.of(point.attributes), created)
    else
      for (const { attributes, value, since } of family.points) {
        const set = braced(labels.of(attributes))
        lines.push(`${name}${end}${set} ${value}`)
        if (created && family.type === 'counter') lines.push(`${name}_created${set} ${since / 1000}`)
      }
  }
  lines.push('# EOF\n')
  return lines.join('\n')
}

function pushHistogram(
  lines: string[],
  name: string,
  bounds: readonly number[],
  { counts, sum, exemplars, since }: HistogramPoint,
  labels: string,
  created: boolean,
): void {
  let total = 0
  counts.forEach((count, i) => {
    total += count
    const exemplar = exemplars?.[i]
    const bucket = `${name}_bucket${braced(labels, `le="${boundText(bounds[i])}"`)} ${total}`
    lines.push(exemplar ? bucket + exemplarText(exemplar) : bucket)
  })
  lines.push(`${name}_count${braced(labels)} ${total}`, `${name}_sum${braced(labels)} ${sum}`)
  if (created) lines.push(`${name}_created${braced(labels)} ${since / 1000}`)
}

/** As Prometheus itself writes the bounds that it reads in protobuf, so that both are one series: `1.0`, `0.005`. */
function boundText(bound: number | undefined): string {
  if (bound === undefined) return '+Inf'
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound)
}

function escapeHelp(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}
