import type { CanaryObject } from '../registry/kinds/canary.ts'
import { describeStep } from './decide.ts'
import type { CanaryPhase, CanaryStatus } from './status.ts'

/** A Canary as people look at it. Plain JSON. */
export interface CanaryView {
  readonly namespace: string
  readonly name: string
  /** `HTTPRoute/catalog` */
  readonly route: string
  readonly stable: string
  readonly canary: string
  readonly phase: CanaryPhase
  readonly reason: string
  readonly message: string
  /** Percent of requests for the new version. */
  readonly weight: number
  readonly revision: string
  /** Index of the one that it is at; as many as there are at the end. */
  readonly step: number
  readonly steps: readonly string[]
  readonly evidence: {
    readonly stable: VersionView
    readonly canary: VersionView
    /** Requests that are still needed to say that the new version is sound. */
    readonly needed: number
    /** 0 to 1: how near the evidence is to that at which it counts as worse. */
    readonly doubt: number
  }
  readonly history: CanaryStatus['history']
}

export interface VersionView {
  readonly requests: number
  readonly failed: number
  /** At the percentile of the condition; null where nothing was seen. */
  readonly latencyMs: number | null
}

const NOTHING: VersionView = { requests: 0, failed: 0, latencyMs: null }

/** In order of their names; one that nobody has looked at yet waits. */
export function canaryViews(
  canaries: ReadonlyMap<string, CanaryObject>,
  statusOf: (canary: CanaryObject) => CanaryStatus | undefined,
): CanaryView[] {
  return [...canaries.values()]
    .map((canary) => canaryView(canary, statusOf(canary)))
    .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1))
}

export function canaryView({ meta, spec }: CanaryObject, status: CanaryStatus | undefined): CanaryView {
  const { stable, canary, needed = 0, doubt = 0, doubtLimit = 0 } = status?.evidence ?? {}
  const version = (one: VersionView | undefined): VersionView =>
    one ? { requests: one.requests, failed: one.failed, latencyMs: one.latencyMs ?? null } : NOTHING
  return {
    namespace: meta.namespace,
    name: meta.name,
    route: `${spec.route.kind}/${spec.route.name}`,
    stable: `${spec.stable.name}:${spec.stable.port}`,
    canary: `${spec.canary.name}:${spec.canary.port}`,
    phase: status?.phase ?? 'Waiting',
    reason: status?.reason ?? '',
    message: status?.message ?? 'not looked at yet',
    weight: status?.weight ?? 0,
    revision: status?.revision ?? '',
    step: status?.step ?? 0,
    steps: spec.steps.map(describeStep),
    evidence: {
      stable: version(stable),
      canary: version(canary),
      needed,
      doubt: doubtLimit > 0 ? Math.min(1, Math.max(0, doubt / doubtLimit)) : 0,
    },
    history: status?.history ?? [],
  }
}
