import type { Watchable } from '../../core/watched.ts'

/** What this workload shows to peers and whom it trusts; immutable, replaced as a whole. */
export interface Secrets {
  /** Leaf first, without the root. */
  readonly certificatePem: string
  readonly privateKeyPem: string
  /** Every root of the mesh. */
  readonly bundlePem: string
  readonly spiffeId: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

export interface Identity {
  /**
   * Undefined until the first certificate is there. Never undefined again: one that ran out stays, and is refused
   * by peers, rather than leaving a moment without mutual TLS.
   */
  readonly secrets: Watchable<Secrets | undefined>
  start(): void
  /** Asks for another certificate now: the present one is revoked. */
  renew(): void
  close(): void
}
