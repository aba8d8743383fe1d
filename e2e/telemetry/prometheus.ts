import { UNTRACED } from './untraced.ts'

/** A series and its newest value, as the HTTP API of Prometheus has them. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

const TIMEOUT_MS = 10_000

interface Answer<T> {
  readonly status: 'success' | 'error'
  readonly data: T
  readonly error?: string
}

/** What a real Prometheus answers (https://prometheus.io/docs/prometheus/latest/querying/api/). */
export class Prometheus {
  readonly #address: string

  constructor(address: string) {
    this.#address = address
  }

  /** Throws with what Prometheus says of a query that is wrong. */
  async query(query: string): Promise<readonly Sample[]> {
    const { result, resultType } = await this.#ask<{
      readonly resultType: string
      readonly result: readonly {
        readonly metric: Readonly<Record<string, string>>
        readonly value?: readonly [number, string]
      }[]
    }>('/api/v1/query', { query })
    if (resultType !== 'vector') throw new Error(`${query} is a ${resultType}`)
    return result.map(({ metric, value }) => ({ metric, value: Number(value?.[1] ?? NaN) }))
  }

  /** The one value of a query; 0 where there is none. */
  async number(query: string): Promise<number> {
    const samples = await this.query(query)
    if (samples.length > 1) throw new Error(`${query} has ${samples.length} series`)
    return samples[0]?.value ?? 0
  }

  /** The values of `label` of the series that `match` says. */
  async labelValues(label: string, match: string): Promise<readonly string[]> {
    return this.#ask(`/api/v1/label/${label}/values`, { 'match[]': match })
  }

  async targets() {
    const { activeTargets } = await this.#ask<{
      readonly activeTargets: readonly {
        readonly labels: Readonly<Record<string, string>>
        readonly health: string
        readonly lastError: string
      }[]
    }>('/api/v1/targets', { state: 'active' })
    return activeTargets
  }

  async rules() {
    const { groups } = await this.#ask<{
      readonly groups: readonly {
        readonly name: string
        readonly rules: readonly {
          readonly name: string
          readonly type: 'alerting' | 'recording'
          readonly health: string
          readonly lastError?: string
          readonly state?: string
        }[]
      }[]
    }>('/api/v1/rules', {})
    return groups.flatMap(({ rules }) => rules)
  }

  /** Trace ids of exemplars of what a query reads. */
  async exemplars(query: string): Promise<readonly string[]> {
    const series = await this.#ask<
      readonly { readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[] }[]
    >('/api/v1/query_exemplars', { query, start: '0', end: String(Date.now() / 1000) })
    return series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['trace_id'] ?? ''))
  }

  async #ask<T>(path: string, parameters: Readonly<Record<string, string>>): Promise<T> {
    const response = await fetch(`${this.#address}${path}?${new URLSearchParams(parameters).toString()}`, {
      headers: UNTRACED,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const answer = (await response.json()) as Answer<T>
    if (answer.status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`)
    return answer.data
  }
}
