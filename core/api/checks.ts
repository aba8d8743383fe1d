import type { Coverage } from './coverage.ts'

/** `GET /api/checks[?namespace]`, and what `weft lint` prints. */
export interface Checks {
  readonly coverage: Coverage
  readonly checks: readonly CheckFinding[]
}

export interface CheckFinding {
  /** `WEFT0101`; docs/checks.md explains each. */
  readonly code: string
  readonly severity: 'error' | 'warning' | 'info'
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** `spec.rules[0].backendRefs[1]`, or ''. */
  readonly field: string
  /** What is wrong, one sentence. */
  readonly message: string
  /** What becomes of requests, or ''. */
  readonly effect: string
  /** What to do. */
  readonly remedy: string
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
}
