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

const PHASES: ReadonlySet<unknown> = new Set<CanaryPhase>([
  'Waiting',
  'Progressing',
  'Paused',
  'Succeeded',
  'RolledBack',
  'Aborted',
  'HandedOver',
])

/** A status that was saved; undefined where nothing that can be gone on from is there, as in what somebody else wrote. */
export function parseStatus(value: unknown): CanaryStatus | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const status = value as Partial<CanaryStatus>
  const { shape, before } = status.route ?? {}
  const sound =
    PHASES.has(status.phase) &&
    typeof status.subject === 'string' &&
    typeof status.step === 'number' &&
    Number.isFinite(Date.parse(status.stepStartedAt ?? '')) &&
    isShape(shape) &&
    (before === undefined || before === null || isShape(before)) &&
    isEvidence(status.evidence)
  if (!sound) return undefined
  return {
    observedGeneration: status.observedGeneration ?? 0,
    phase: status.phase as CanaryPhase,
    reason: status.reason ?? '',
    message: status.message ?? '',
    step: status.step as number,
    steps: status.steps ?? 0,
    weight: status.weight ?? 0,
    revision: status.revision ?? '',
    subject: status.subject as string,
    stepStartedAt: status.stepStartedAt as string,
    request: status.request ?? '',
    held: status.held ?? false,
    route: { shape: shape as RouteShape, before: before ?? null },
    evidence: {
      ...(status.evidence as StepEvidence),
      errors: status.evidence?.errors ?? null,
      latency: status.evidence?.latency ?? null,
    },
    history: Array.isArray(status.history) ? status.history : [],
  }
}

function isShape(value: unknown): value is RouteShape {
  const { weight, mirrorPercent, testers } = (value ?? {}) as Partial<RouteShape>
  return typeof weight === 'number' && typeof mirrorPercent === 'number' && typeof testers === 'boolean'
}

function isEvidence(value: unknown): value is StepEvidence {
  const { stable, canary } = (value ?? {}) as Partial<StepEvidence>
  return [stable, canary].every(
    (one) =>
      typeof one?.requests === 'number' && typeof one.failed === 'number' && Array.isArray(one.durations),
  )
}
