import { labelName, type Attributes, type Exemplar } from './family.ts'

/**
 * Labels of a sample as both text formats write them between braces, values escaped
 * (https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details); '' for none.
 */
export function labelText(attributes: Attributes): string {
  return attributes
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${labelName(key)}="${escapeLabel(String(value))}"`)
    .join(',')
}

/** Labels of sets, each written once: all metrics of a set have the same. */
export class LabelTexts {
  readonly #known = new Map<Attributes, string>()

  of(attributes: Attributes): string {
    let text = this.#known.get(attributes)
    if (text === undefined) this.#known.set(attributes, (text = labelText(attributes)))
    return text
  }
}

export function braced(...labels: readonly string[]): string {
  const text = labels.filter((one) => one !== '').join(',')
  return text === '' ? '' : `{${text}}`
}

/** https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars */
export function exemplarText({ value, atMs, traceId, spanId }: Exemplar): string {
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${value} ${atMs / 1000}`
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}

/** Of the classic format, in which a quotation mark stands for itself. */
export function escapeHelp(text: string): string {
  return text.replace(/[\\\n]/g, (char) => (char === '\n' ? '\\n' : '\\\\'))
}
