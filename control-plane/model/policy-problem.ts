/** One reason why a policy is not in force for a target, with its place in the policy. */
export interface PolicyProblem {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** `spec.targetRefs[0].name` */
  readonly field: string
  /** Of the condition that says it. */
  readonly reason:
    | 'Conflicted'
    | 'HttpFieldsOnTcpPort'
    | 'Invalid'
    | 'KeysNotFetched'
    | 'NothingSelected'
    | 'OtherNamespace'
    | 'TargetNotFound'
    | 'UnsupportedValue'
  readonly message: string
  readonly remedy: string
  /** The policy is in force all the same, and does this; left out: it is not. */
  readonly effect?: string
}
