/**
 * Who answered. A question to one control plane is asked of all replicas; what some of them did not answer is named here, and
 * whoever shows the answer says so.
 */
export interface Coverage {
  /** Replicas that answered, this one among them. */
  readonly answered: number
  /** By name, those that did not, and why. */
  readonly missing: readonly { readonly replica: string; readonly reason: string }[]
  /** Where the answer is read from in place of what control planes hold; left out: from them. */
  readonly source?: OutsideSource
}

/** A server of traces that is asked in place of the control planes. */
export interface OutsideSource {
  readonly kind: 'jaeger' | 'tempo'
  readonly url: string
  /** Milliseconds since the epoch. */
  readonly askedAt: number
  /** Why it does not answer this: what is told is what control planes hold. */
  readonly failed?: string
  /** Why the answer may lack something. */
  readonly partial?: string
}

/** Of every answer over time: milliseconds since the epoch, `from` inclusive, `to` exclusive. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}
