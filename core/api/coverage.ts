/**
 * Who answered. A question to one control plane is asked of all replicas; what some of them did not answer is named here, and
 * whoever shows the answer says so.
 */
export interface Coverage {
  /** Replicas that answered, this one among them. */
  readonly answered: number
  /** By name, those that did not, and why. */
  readonly missing: readonly { readonly replica: string; readonly reason: string }[]
}

/** Of every answer over time: milliseconds since the epoch, `from` inclusive, `to` exclusive. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}
