/**
 * Labels of a sample as Prometheus' text format 0.0.4 writes them between braces, values escaped
 * (https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details).
 */
export function prometheusLabels(labels: readonly (readonly [name: string, value: string])[]): string {
  return labels
    .map(
      ([key, text]) =>
        `${key}="${text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`,
    )
    .join(',')
}
