/** What is read of the objects of a Deployment (apps/v1), and what it is held with. */

/** The label that the Deployment controller puts on the pods of each template. */
export const TEMPLATE_HASH = 'pod-template-hash'

export interface PodTemplate {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> | null } | null
  readonly [field: string]: unknown
}

/** What of a Deployment decides how templates follow each other: the fields that a Canary writes, and gives back. */
export interface Rollout {
  readonly minReadySeconds: number
  readonly progressDeadlineSeconds: number
  readonly maxSurge: number | string
  readonly maxUnavailable: number | string
}

export interface Deployment {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly replicas: number
  readonly matchLabels: Readonly<Record<string, string>>
  /** By expressions too, which no Service can say. */
  readonly byExpressions: boolean
  /** `RollingUpdate` or `Recreate`. */
  readonly strategy: string
  readonly template: PodTemplate
  readonly paused: boolean
  readonly rollout: Rollout
  /** The controller has seen this generation, and all pods that there are to be are of the template, and available. */
  readonly complete: boolean
  /** As a Canary left it in its annotation; undefined: no Canary holds it. */
  readonly held: Held | undefined
}

/** `paused`: no template is followed. Otherwise one is, beside the pods of the one before; `was`: what is given back. */
export type Held = { readonly as: 'paused' } | { readonly as: 'released'; readonly was: Rollout }

export interface ReplicaSet {
  readonly name: string
  /** Of its template. */
  readonly hash: string
  readonly replicas: number
  /** Without the hash. */
  readonly template: PodTemplate
}

/** One of the two Services of a Canary. */
export interface RevisionService {
  /** Of the pods that it selects; '' of every template's. */
  readonly hash: string
}
