import type { Coverage } from '../../../core/api/coverage.ts'

/** What the older pages of the REST interface give (control-plane/serve/rest), as far as it is shown. */
export interface MeshFacts {
  readonly release: string
  readonly startedAt: number
  readonly version: number
  readonly trustDomain: string
  readonly issuer: {
    readonly title: string
    readonly trouble: { readonly message: string } | null
  } | null
  readonly services: number
  readonly proxies: { readonly connected: number; readonly expected: number; readonly rejecting: number }
  readonly problems: { readonly errors: number; readonly warnings: number }
  readonly telemetry: { readonly traces: number; readonly series: number; readonly refused: number }
  /** What the asker may; left out: read-only. */
  readonly may?: { readonly act: boolean; readonly tap: boolean; readonly headers?: boolean }
}

export interface Route {
  /** `HTTPRoute/shop/catalog/0` */
  readonly name: string
  /** `shop/catalog/8080` */
  readonly parent: string
  readonly consumer: string
  readonly matches: readonly string[]
  readonly action: 'forward' | 'redirect'
  readonly rate: number
  readonly backends: readonly {
    /** `shop/catalog-v1/8080`; '' for an invalid reference. */
    readonly cluster: string
    readonly percent: number
    readonly observedPercent: number | null
    readonly rate: number
    readonly successRate: number | null
    readonly p95Ms: number | null
  }[]
}

export interface Routes {
  readonly coverage?: Coverage
  readonly windowSeconds: number
  readonly routes: readonly Route[]
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
  /** `HTTPRoute/catalog` */
  readonly route: string
  /** `catalog-v1:8080` */
  readonly stable: string
  readonly canary: string
  readonly phase: string
  readonly reason: string
  readonly message: string
  /** Percent. */
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

export interface PolicyOverview {
  readonly policies: readonly {
    readonly kind: string
    readonly namespace: string
    readonly name: string
    readonly targets: readonly {
      readonly kind: string
      readonly namespace: string
      readonly name: string
      readonly accepted: boolean
      readonly reason: string
      readonly message: string
      readonly partly: string
    }[]
  }[]
  readonly services: readonly {
    readonly namespace: string
    readonly name: string
    readonly settings: Readonly<Record<string, unknown>>
  }[]
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

export interface Denials {
  readonly coverage?: Coverage
  readonly windowSeconds: number
  readonly denials: readonly Denial[]
}
