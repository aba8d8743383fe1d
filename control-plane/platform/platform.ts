import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Problem } from '../../core/problem.ts'
import type { CountSource } from '../canary/evidence/counts.ts'
import type { CanaryStatus } from '../canary/status.ts'
import type { Issuer } from '../issuers/issuer.ts'
import type { KeptKeys } from '../jwks/kept-keys.ts'
import type { MeshBrain } from '../mesh.ts'
import type { CanaryObject } from '../registry/kinds/canary.ts'
import type { Watchable } from '../../core/watched.ts'
import type { KeysBySource } from '../model/token-rule.ts'
import type { Source } from '../registry/source.ts'
import type { Access } from '../serve/access/access.ts'
import type { ObjectReference } from '../registry/object-reference.ts'
import type { TokenVerifier } from '../serve/tokens/verifier.ts'

/** Where a control plane runs: what it reads the mesh from, whom it believes, and what it signs with. */
export interface Platform {
  /** Whole already: nothing is served from a source that has not read all that there is. */
  readonly source: Source
  /** Where Weft is installed: policies there are for the whole mesh. */
  readonly namespace: string
  readonly verifier: TokenVerifier
  readonly issuer: Issuer
  /** Keys of token issuers that a control plane before this one knew. */
  readonly keptKeys: KeptKeys
  /** That somebody else found in what the mesh is told. */
  problems?(): readonly Problem[]
  /**
   * Begins what writes back (route status, trust bundles, keys of token issuers) and what moves Canaries, by what proxies told
   * (`counts`), once the mesh is worked out and served. What it returns ends that, and lets another replica go on with it.
   */
  publish(mesh: MeshBrain, counts: CountSource, tokenKeys: Watchable<KeysBySource>): () => Promise<void>
  /** Who may see the REST pages, and act by them. */
  readonly access: Access
  /** Asks a Canary for something (`formatRequest`). Throws WeftError `canary.none`, or `canary.not_asked`. */
  askCanary(namespace: string, name: string, request: string): Promise<void>
  /** An object of the source as it was written; undefined: it is not there any more. Rejects where it cannot be read. */
  readObject(reference: ObjectReference): Promise<unknown>
  /** How far a Canary is; undefined where nobody has looked at it yet. */
  canaryStatus(canary: CanaryObject): CanaryStatus | undefined
  close(): Promise<void>
}

export interface PlatformContext {
  readonly trustDomain: string
  /** Other names of it. */
  readonly trustDomainAliases: readonly string[]
  /** By which a CA that is kept here signs. */
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when the process is asked to end while it still waits for the platform. */
  readonly signal: AbortSignal
  /** Says what is waited for; shown to whoever asks whether it is ready. */
  readonly waiting: (reason: string) => void
}

/** Resolves once all of it is there, however long that takes. Throws WeftError for what waiting does not mend. */
export type OpenPlatform = (context: PlatformContext) => Promise<Platform>
