/** What the REST interface gives (control-plane/serve/rest): as far as the page shows it. */
export interface MeshFacts {
  readonly release: string
  readonly version: number
  readonly trustDomain: string
  readonly services: number
  readonly proxies: { readonly connected: number; readonly expected: number; readonly rejecting: number }
  readonly problems: { readonly errors: number; readonly warnings: number }
  readonly telemetry: { readonly traces: number; readonly series: number; readonly refused: number }
}

export interface Service {
  readonly name: string
  readonly namespace: string
  readonly ports: readonly {
    readonly port: number
    readonly protocol: string
    readonly endpoints: number
    readonly healthy: number
    readonly meshed: number
  }[]
  readonly seenBy: 'server' | 'callers' | 'nobody'
  readonly mtls: {
    readonly mutualTls: number
    readonly plaintext: number
    readonly observed: 'all' | 'some' | 'none' | 'no-requests'
  }
  readonly rate: number
  readonly successRate: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly history: readonly number[]
  readonly callers: readonly { readonly source: string; readonly rate: number }[]
}

export interface Route {
  readonly name: string
  readonly parent: string
  readonly consumer: string
  readonly matches: readonly string[]
  readonly action: 'forward' | 'redirect'
  readonly rate: number
  readonly backends: readonly {
    readonly cluster: string
    readonly percent: number
    readonly observedPercent: number | null
    readonly rate: number
    readonly successRate: number | null
    readonly p95Ms: number | null
  }[]
}

export interface TraceSummary {
  readonly traceId: string
  readonly startMs: number
  readonly durationMs: number
  readonly service: string
  readonly method: string
  readonly path: string
  readonly name: string
  readonly status?: number
  readonly failed: boolean
  readonly spanCount: number
  readonly errors: number
  readonly retries: number
  readonly services: readonly string[]
}

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: string
  readonly service: string
  readonly namespace: string
  readonly pod: string
  readonly startMs: number
  readonly durationMs: number
  readonly status: 'unset' | 'ok' | 'error'
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

export interface Trace extends TraceSummary {
  readonly spans: readonly Span[]
}

export interface Problem {
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly field: string
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly remedy: string
  readonly effect?: string
}

export interface Canary {
  readonly namespace: string
  readonly name: string
  readonly route: string
  readonly stable: string
  readonly canary: string
  readonly phase: string
  readonly message: string
  readonly weight: number
  readonly revision: string
  readonly step: number
  readonly steps: readonly string[]
  readonly evidence: {
    readonly stable: CanaryVersion
    readonly canary: CanaryVersion
    readonly needed: number
    readonly doubt: number
  }
  readonly history: readonly { readonly at: string; readonly message: string }[]
}

export interface CanaryVersion {
  readonly requests: number
  readonly failed: number
  readonly latencyMs: number | null
}

/** Refusals of one kind: same caller, same Service, same rule. */
export interface Denial {
  readonly count: number
  readonly last: {
    readonly reference: string
    readonly time: number
    readonly dryRun: boolean
    readonly protocol: 'http' | 'grpc' | 'tcp'
    readonly from: { readonly identity: string; readonly address: string }
    readonly to: {
      readonly namespace: string
      readonly pod: string
      readonly service: string
      readonly port: number
    }
    readonly method: string
    readonly path: string
    readonly sni: string
    readonly rule: string
  }
}

const PATIENCE_MS = 5000

/** Rejects when the control plane does not answer; undefined for 404. */
export async function get<T>(path: string): Promise<T | undefined> {
  const response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) })
  if (response.status === 404) return undefined
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return (await response.json()) as T
}
