import type { CanaryStatus, RouteShape } from '../status.ts'

/** What is known elsewhere of the two revisions of a Canary. */
export interface RevisionsSeen {
  readonly status: CanaryStatus | undefined
  /** Undefined while the route can't be read. */
  readonly shape: RouteShape | undefined
  /** Hash of the template of the stable Service's ready pods, all of them; '' where there are none or others. */
  readonly stableReady: string
}

/** What a round did and found. */
export interface FollowedRevisions {
  /** Hash of the template that is new; '' where that is not known. */
  readonly revision: string
  /** Hash that the Service of the new version selects; '' where there is none. */
  readonly selected: string
  /** What a run waits for before it can begin; ''. */
  readonly waits: string
  /** What keeps it from being a Canary's at all, and what to do; ''. */
  readonly problem: string
  /** The stable Service has the new pods: its weight is to be all. */
  readonly stableOnly: boolean
  /** Something was written: it is worth looking again soon. */
  readonly acted: boolean
}

export function troubledRevisions(problem: string): FollowedRevisions {
  return { revision: '', selected: '', waits: '', problem, stableOnly: false, acted: false }
}
