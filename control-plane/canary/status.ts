import type { StepEvidence } from './evidence/step-evidence.ts'

export type CanaryPhase =
  /** Something is missing before it can begin: the route, or a pod of the new version. */
  | 'Waiting'
  | 'Progressing'
  /** At a step that somebody ends, or because somebody or a breach stopped it. */
  | 'Paused'
  | 'Succeeded'
  | 'RolledBack'
  | 'Aborted'
  /** Somebody edited the weights: the route is theirs. */
  | 'HandedOver'

/** What a route does with the two versions. Plain JSON. */
export interface RouteShape {
  /** Percent of requests that go to the new version. */
  readonly weight: number
  /** Percent of requests that are copied to it; 0: none. */
  readonly mirrorPercent: number
  /** Testers get it. */
  readonly testers: boolean
}

/** All that a controller knows of a Canary, so that another can go on: `status` of the object. Plain JSON. */
export interface CanaryStatus {
  readonly observedGeneration: number
  readonly phase: CanaryPhase
  /** One word for programs. */
  readonly reason: string
  /** For people: what it waits for, or why it went back. */
  readonly message: string
  /** Index of the step; as many as there are steps once all are done. */
  readonly step: number
  readonly steps: number
  readonly weight: number
  /** Of the new version's pods: their template's hash. '' while unknown. */
  readonly revision: string
  /** What the run is about: another one begins anew. */
  readonly subject: string
  /** RFC 3339. */
  readonly stepStartedAt: string
  /** The last word of a person that was acted on. */
  readonly request: string
  /** Somebody said to stop where it is. */
  readonly held: boolean
  readonly route: { readonly shape: RouteShape; readonly before: RouteShape | null }
  readonly evidence: StepEvidence
  /** Newest last. */
  readonly history: readonly { readonly at: string; readonly message: string }[]
}
