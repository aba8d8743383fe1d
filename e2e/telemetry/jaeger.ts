import { UNTRACED } from './untraced.ts'

const TIMEOUT_MS = 10_000
const MOST_TRACES = 2000

/** A span as Jaeger's query API has it, of what is looked at here. */
export interface JaegerSpan {
  readonly spanID: string
  readonly operationName: string
  readonly references: readonly { readonly refType: string; readonly spanID: string }[]
  readonly tags: readonly { readonly key: string; readonly value: unknown }[]
  readonly processID: string
}

export interface JaegerTrace {
  readonly traceID: string
  readonly spans: readonly JaegerSpan[]
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>
}

/** What a real Jaeger answers (https://www.jaegertracing.io/docs/1.76/apis/#http-json). */
export class Jaeger {
  readonly #address: string

  constructor(address: string) {
    this.#address = address
  }

  services(): Promise<readonly string[]> {
    return this.#ask('/api/services')
  }

  /** All traces that a service has a part in. */
  traces(service: string): Promise<readonly JaegerTrace[]> {
    return this.#ask(
      `/api/traces?${new URLSearchParams({ service, limit: String(MOST_TRACES), lookback: '1h' }).toString()}`,
    )
  }

  async trace(id: string): Promise<JaegerTrace | undefined> {
    return (await this.#ask<readonly JaegerTrace[]>(`/api/traces/${id}`).catch(() => []))[0]
  }

  async #ask<T>(path: string): Promise<T> {
    const response = await fetch(this.#address + path, {
      headers: UNTRACED,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (!response.ok) throw new Error(`Jaeger answers GET ${path} with ${response.status}`)
    return ((await response.json()) as { readonly data: T }).data
  }
}
