import { WeftError } from './errors.ts'

type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'

interface Requirement {
  readonly key: string
  readonly operator: Operator
  readonly values: readonly string[]
}

type Labels = Readonly<Record<string, string>>

const OPERATORS: readonly string[] = ['In', 'NotIn', 'Exists', 'DoesNotExist']

/** Which objects, by their labels. Source: Kubernetes API meta/v1, LabelSelector. One that asks for nothing selects all. */
export class LabelSelector {
  readonly #requirements: readonly Requirement[]

  constructor(requirements: readonly Requirement[]) {
    this.#requirements = requirements
  }

  get selectsAll(): boolean {
    return this.#requirements.length === 0
  }

  /** As in Kubernetes, NotIn selects what has no such label at all, too. */
  matches(labels: Labels): boolean {
    return this.#requirements.every(({ key, operator, values }) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value)
        case 'NotIn':
          return value === undefined || !values.includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
      }
    })
  }
}

/** Reads a LabelSelector at the path `at`. Throws a WeftError that names the field. */
export function parseLabelSelector(value: unknown, at: string): LabelSelector {
  const { matchLabels, matchExpressions, ...rest } = mapping(value, at)
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined)
    throw invalid(`${at}.${unknown}`, 'is no field of a selector (known: matchLabels, matchExpressions)')
  const labels = Object.entries(mapping(matchLabels ?? {}, `${at}.matchLabels`)).map(
    ([key, label]): Requirement => ({
      key,
      operator: 'In',
      values: [text(label, `${at}.matchLabels.${key}`)],
    }),
  )
  const expressions = list(matchExpressions ?? [], `${at}.matchExpressions`).map((one, i) =>
    parseRequirement(one, `${at}.matchExpressions[${i}]`),
  )
  return new LabelSelector([...labels, ...expressions])
}

function parseRequirement(value: unknown, at: string): Requirement {
  const fields = mapping(value, at)
  const key = text(fields['key'], `${at}.key`)
  const operator = fields['operator']
  if (typeof operator !== 'string' || !OPERATORS.includes(operator))
    throw invalid(`${at}.operator`, `must be one of ${OPERATORS.join(', ')}`)
  const values = list(fields['values'] ?? [], `${at}.values`).map((one, i) => text(one, `${at}.values[${i}]`))
  const takesValues = operator === 'In' || operator === 'NotIn'
  if (takesValues && values.length === 0) throw invalid(`${at}.values`, `${operator} needs at least one`)
  if (!takesValues && values.length > 0) throw invalid(`${at}.values`, `${operator} takes none`)
  return { key, operator: operator as Operator, values }
}

function mapping(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw invalid(at, 'must be a mapping')
}

function list(value: unknown, at: string): unknown[] {
  if (Array.isArray(value)) return value
  throw invalid(at, 'must be a list')
}

function text(value: unknown, at: string): string {
  if (typeof value === 'string') return value
  throw invalid(at, value === undefined ? 'is required' : 'must be text (quote it)')
}

function invalid(field: string, message: string): WeftError {
  return new WeftError('manifest.invalid_field', message, { field })
}
