import type { X509Certificate } from 'node:crypto'
import type { TrustBundle } from '../../certs/trust-bundle.ts'
import type { Watchable } from '../../core/watched.ts'
import type { CertificateRequest } from './issuer.ts'

/**
 * A program elsewhere that signs. It says what it was told; `guardedIssuer` decides how often it is asked and whether its
 * answers are any good.
 */
export interface RemoteIssuer {
  readonly title: string
  /** It certifies nothing for less. Milliseconds. */
  readonly shortestLifeMs: number
  readonly bundle: Watchable<TrustBundle>
  /**
   * The leaf, then what is between it and its root; a root at the end is left out by the caller. Throws WeftError:
   * `issuer.unavailable` where it would fail for everybody, `issuer.timeout`, `issuer.refused` for this request alone.
   */
  sign(request: CertificateRequest, signal: AbortSignal): Promise<readonly X509Certificate[]>
  /** Reads the bundle again: an answer leads to a root that is not in it. */
  refresh(): Promise<void>
  close(): void
}
