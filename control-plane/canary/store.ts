import type { CanaryDeployment, CanaryObject } from '../registry/kinds/canary.ts'
import type { CanaryEvent } from './decide.ts'
import type { FollowedRevisions, RevisionsSeen } from './revisions/followed.ts'
import type { RawRule } from './route-shape.ts'
import type { CanaryStatus, RouteShape } from './status.ts'

/** The route of a Canary as it is in force. */
export interface CanaryRoute {
  readonly rules: readonly RawRule[]
  /** As the API server has it; '' of a file. */
  readonly resourceVersion: string
}

/** Where Canaries keep their state, and the routes that they move: an API server, or a directory of one machine. */
export interface CanaryStore {
  /** Undefined: there is no such route. */
  route(canary: CanaryObject): Promise<CanaryRoute | undefined>
  /** Gives the route a shape. Rejects where somebody wrote it since it was read: it is read again and decided anew. */
  shape(canary: CanaryObject, route: CanaryRoute, shape: RouteShape): Promise<void>
  /** Does what two revisions of one Deployment need, and says how far they are. */
  revisions(canary: CanaryObject, of: CanaryDeployment, seen: RevisionsSeen): Promise<FollowedRevisions>
  /** As it was saved last. */
  status(canary: CanaryObject): Promise<CanaryStatus | undefined>
  save(canary: CanaryObject, status: CanaryStatus): Promise<void>
  /** What somebody asked for last (requests.ts); ''. */
  request(canary: CanaryObject): string
  /** Calls back when somebody asks for something; returns what ends that. */
  onRequest(asked: () => void): () => void
  event(canary: CanaryObject, event: CanaryEvent): void
  /** The Canary was deleted. `status` is its last. */
  forget(canary: CanaryObject, status: CanaryStatus | undefined): Promise<void>
}
