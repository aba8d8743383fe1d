import type { Attributes, MetricDescription, MetricFamily } from './family.ts'
import { NativeBuckets } from './native-buckets.ts'

/** Sets of labels of one instrument; what comes beyond them counts in one with `_OTHER` in each. */
const MOST_SETS = 200
const OTHER = '_OTHER'

interface Set<V> {
  readonly attributes: Attributes
  readonly since: number
  readonly value: V
}

/** Values by the labels that `keys` names. */
class Labelled<V> {
  readonly #keys: readonly string[]
  readonly #make: () => V
  readonly #sets = new Map<string, Set<V>>()

  constructor(keys: readonly string[], make: () => V) {
    this.#keys = keys
    this.#make = make
  }

  /** Of the labels' values, in the order of their keys. */
  of(values: readonly string[]): V {
    const key = values.join('\n')
    const known = this.#sets.get(key)
    if (known) return known.value
    if (this.#sets.size >= MOST_SETS && values.some((value) => value !== OTHER))
      return this.of(this.#keys.map(() => OTHER))
    const attributes = this.#keys.map((name, i) => [name, values[i] ?? ''] as const)
    const made = { attributes, since: Date.now(), value: this.#make() }
    this.#sets.set(key, made)
    return made.value
  }

  all(): readonly Set<V>[] {
    return [...this.#sets.values()]
  }
}

/** A number that only grows, by labels. */
export class Counter {
  readonly #description: MetricDescription & { readonly type: 'counter' }
  readonly #counts: Labelled<{ count: number }>

  constructor(description: MetricDescription & { readonly type: 'counter' }, keys: readonly string[] = []) {
    this.#description = description
    this.#counts = new Labelled(keys, () => ({ count: 0 }))
    // One without labels is 0 from the start, so that its first increase is one.
    if (keys.length === 0) this.#counts.of([])
  }

  add(values: readonly string[] = [], by = 1): void {
    this.#counts.of(values).count += by
  }

  family(): MetricFamily {
    const points = this.#counts
      .all()
      .map(({ attributes, since, value: { count } }) => ({ attributes, since, value: count }))
    return { ...this.#description, points }
  }
}

/** Observations in buckets, classic and native, by labels. */
export class Histogram {
  readonly #description: MetricDescription & { readonly type: 'histogram' }
  readonly #bounds: readonly number[]
  readonly #sets: Labelled<{ readonly counts: number[]; sum: number; readonly native: NativeBuckets }>

  /** `bounds`: upper ones, inclusive, growing. */
  constructor(
    description: MetricDescription & { readonly type: 'histogram' },
    bounds: readonly number[],
    keys: readonly string[] = [],
  ) {
    this.#description = description
    this.#bounds = bounds
    this.#sets = new Labelled(keys, () => ({
      counts: Array.from({ length: bounds.length + 1 }, () => 0),
      sum: 0,
      native: new NativeBuckets(),
    }))
    if (keys.length === 0) this.#sets.of([])
  }

  observe(value: number, values: readonly string[] = []): void {
    const set = this.#sets.of(values)
    const found = this.#bounds.findIndex((bound) => value <= bound)
    const bucket = found < 0 ? this.#bounds.length : found
    set.counts[bucket] = (set.counts[bucket] as number) + 1
    set.sum += value
    set.native.add(value)
  }

  family(): MetricFamily {
    return {
      ...this.#description,
      bounds: this.#bounds,
      points: this.#sets.all().map(({ attributes, since, value: { counts, sum, native } }) => ({
        attributes,
        since,
        counts,
        sum,
        native,
      })),
    }
  }
}

/** A gauge as it is asked: one point for each set of labels. */
export function gauge(
  description: MetricDescription & { readonly type: 'gauge' },
  points: readonly (readonly [value: number, attributes?: Attributes])[],
): MetricFamily {
  return {
    ...description,
    points: points.map(([value, attributes = []]) => ({ attributes, value, since: 0 })),
  }
}
