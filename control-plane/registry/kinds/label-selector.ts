import type { Fields } from '../fields.ts'

export type Labels = Readonly<Record<string, string>>

// Kubernetes' syntax of label keys and values ("Labels and Selectors", apimachinery's IsQualifiedName, IsValidLabelValue).
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const MOST_LABELS = 64

/**
 * `selector.matchLabels`; undefined where no selector is there. One without labels would mean the whole namespace, and a
 * label that cannot be is on no pod: both are problems.
 */
export function readSelector(spec: Fields): Labels | undefined {
  const selector = spec.optionalMap('selector')
  if (!selector) return undefined
  const labels = selector.stringMap('matchLabels')
  const entries = Object.entries(labels)
  if (entries.length === 0)
    selector.problem('needs a label; for all pods of the namespace leave the selector out', 'matchLabels')
  if (entries.length > MOST_LABELS)
    selector.problem(`has ${entries.length} labels; at most ${MOST_LABELS}`, 'matchLabels')
  for (const [key, value] of entries) {
    const [name = '', domain, ...more] = key.split('/').toReversed()
    if (!NAME.test(name) || (domain !== undefined && !DOMAIN.test(domain)) || more.length > 0)
      selector.problem(
        `has the key "${key}": it must be a label's name, such as app or example.com/app`,
        'matchLabels',
      )
    if (value !== '' && !NAME.test(value))
      selector.problem(
        `has the value "${value}" for ${key}: at most 63 letters, digits, "-", "_" and "." between letters or digits`,
        'matchLabels',
      )
  }
  selector.refuseUnknown()
  return labels
}

/** Whether something with `labels` has all that a selector names. */
export function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}
