import { CONTROL_PLANE } from '../../core/contract.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Watchable } from '../../core/watched.ts'
import type { Issuer } from '../issuers/issuer.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import type { PolicyStatus } from '../model/policy-status.ts'
import type { RouteStatus } from '../model/route.ts'
import type { KeysBySource } from '../model/token-rule.ts'
import type { CountSource } from '../canary/evidence/counts.ts'
import type { Snapshot } from '../registry/snapshot.ts'

/** What writers need of the control plane. */
export interface WriterContext {
  readonly connection: KubernetesConnection
  /** The installation's own namespace. */
  readonly namespace: string
  readonly snapshot: Watchable<Snapshot>
  readonly routeStatus: Watchable<{ readonly routeStatus: readonly RouteStatus[] }>
  readonly policyStatus: Watchable<{ readonly policyStatus: readonly PolicyStatus[] }>
  readonly issuer: Issuer
  /** Keys of token issuers, as they are known now. */
  readonly tokenKeys: Watchable<KeysBySource>
  /** What proxies told this replica. */
  readonly counts: CountSource
  /** True while this replica is the leader. */
  readonly mayWrite: () => boolean
  readonly log: Logger
  readonly clock: Clock
}

/** Begins to keep something as it should be. Only the leader runs writers. */
export type StartWriter = (context: WriterContext) => Writer

export interface Writer {
  /** Resolves when nothing more is written. */
  stop(): Promise<void>
}

export const FIELD_MANAGER = CONTROL_PLANE
export const APPLY = 'application/apply-patch+yaml'
/** Own objects are marked, so that an uninstallation finds them. */
export const OWN_LABELS = {
  'app.kubernetes.io/name': 'weft',
  'app.kubernetes.io/managed-by': CONTROL_PLANE,
}
