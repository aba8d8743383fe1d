/** As it goes into a policy's `status.ancestors` (PolicyAncestorStatus of Gateway API, GEP-713). */
export interface PolicyStatus {
  /** One of those that `publish/policy-status-writer.ts` has a row for. */
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** One a target, in the order of `targetRefs`; at most 16 are written. */
  readonly ancestors: readonly AncestorStatus[]
}

export interface AncestorStatus {
  readonly ancestorRef: {
    readonly group: string
    readonly kind: string
    /** Left out of what is in none. */
    readonly namespace?: string
    readonly name: string
    readonly sectionName?: string
  }
  readonly controllerName: string
  readonly conditions: readonly PolicyCondition[]
}

export interface PolicyCondition {
  readonly type: string
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number
}
