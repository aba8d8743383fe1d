import { prometheusName, type HistogramPoint, type MetricFamily } from './family.ts'
import { braced, escapeHelp, LabelTexts } from './text-lines.ts'

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export const PROMETHEUS_TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The text format 0.0.4. A family without points is left out. */
export function prometheusText(families: readonly MetricFamily[]): string {
  const lines: string[] = []
  const labels = new LabelTexts()
  for (const family of families) {
    if (family.points.length === 0) continue
    const name = prometheusName(family)
    const type = family.type === 'info' ? 'gauge' : family.type
    lines.push(`# HELP ${name} ${escapeHelp(family.help)}`, `# TYPE ${name} ${type}`)
    if (family.type === 'histogram')
      for (const point of family.points)
        pushHistogram(lines, name, family.bounds, point, labels.of(point.attributes))
    else
      for (const { attributes, value } of family.points)
        lines.push(`${name}${braced(labels.of(attributes))} ${value}`)
  }
  return lines.length === 0 ? '' : lines.join('\n') + '\n'
}

function pushHistogram(
  lines: string[],
  name: string,
  bounds: readonly number[],
  { counts, sum }: HistogramPoint,
  labels: string,
): void {
  let total = 0
  counts.forEach((count, i) => {
    total += count
    const bound = i < bounds.length ? String(bounds[i]) : '+Inf'
    lines.push(`${name}_bucket${braced(labels, `le="${bound}"`)} ${total}`)
  })
  lines.push(`${name}_sum${braced(labels)} ${sum}`, `${name}_count${braced(labels)} ${total}`)
}
