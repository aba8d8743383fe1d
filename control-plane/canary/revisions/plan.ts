import { isDeepStrictEqual } from 'node:util'
import type { CanaryStep } from '../../registry/kinds/canary.ts'
import { STABLE_ONLY, sameShape } from '../route-shape.ts'
import type { CanaryStatus, RouteShape } from '../status.ts'
import type { Deployment, ReplicaSet, RevisionService, Rollout } from './objects.ts'

/** Of a Service that leads nowhere: no template has this hash, which the Deployment controller writes in other letters. */
export const NO_REVISION = 'none'
/** Longer than anything waits: a pod of the new template counts as available when a Canary says so. Seconds, of 68 years. */
export const NEVER = 2_000_000_000
/** The greatest that an API server takes: a rollout that is held has not failed. Seconds. */
const LONGEST_DEADLINE = 2_147_483_647

/** What is known of the two revisions, just now. */
export interface RevisionFacts {
  readonly deployment: Deployment
  /** Of this Deployment. */
  readonly replicaSets: readonly ReplicaSet[]
  /** Undefined: not made yet. */
  readonly stable: RevisionService | undefined
  readonly canary: RevisionService | undefined
  /** What the route does; undefined while it can't be read. */
  readonly shape: RouteShape | undefined
  /** Hash of the template of the stable Service's ready pods, all of them; '' where there are none or others. */
  readonly stableReady: string
  readonly status: CanaryStatus | undefined
  readonly steps: readonly CanaryStep[]
}

export type RevisionAction =
  /** The Service selects the pods of this template. */
  | { readonly do: 'select'; readonly service: 'stable' | 'canary'; readonly hash: string }
  /** No template is followed; the fields of a rollout are as they were. */
  | { readonly do: 'pause'; readonly rollout: Rollout | undefined }
  /** The template is followed beside the pods of the one before. */
  | { readonly do: 'release'; readonly rollout: Rollout; readonly was: Rollout }
  /** And takes their place. */
  | { readonly do: 'finish'; readonly rollout: Rollout }
  | { readonly do: 'scale down'; readonly replicaSet: string }
  /** The stable Service has the new pods: its weight is all. */
  | { readonly do: 'stable only' }

export interface RevisionPlan {
  /** In this order; they are the same again until they were done. */
  readonly actions: readonly RevisionAction[]
  /** Hash of the new template's pods; '': there is none, or it is not known yet. */
  readonly revision: string
  /** What is waited for before a run can begin; ''. */
  readonly waits: string
  /** What keeps it from being a Canary's at all, and what to do; ''. */
  readonly problem: string
}

/**
 * What to do so that two templates of one Deployment are there at once for as long as a Canary needs both. Between runs
 * the Deployment is paused, so that its controller follows no template by itself. In a run it may add pods of the new
 * one (`maxSurge`) which are never available to it (`minReadySeconds`), so that with `maxUnavailable: 0` none of the old
 * ones goes. Pure, and of what is there alone: whoever goes on after a restart plans the same.
 */
export function planRevisions(facts: RevisionFacts): RevisionPlan {
  const { deployment, replicaSets, stable, shape, status } = facts
  const problem = problemOf(deployment)
  if (problem !== '') return { ...IDLE, problem }
  if (status?.phase === 'HandedOver') return { ...IDLE, revision: facts.canary?.hash ?? '' }
  const current = replicaSets.find(({ template }) => isDeepStrictEqual(template, deployment.template))
  const kept = stable && replicaSets.find(({ hash }) => hash === stable.hash)
  // Nobody's pods: at the beginning, or where somebody had the Deployment roll on by hand.
  if (!kept || (kept.replicas === 0 && deployment.replicas > 0)) return adopt(facts, current)
  if (current?.hash === kept.hash) return rest(facts, kept)
  if (!current)
    return { ...IDLE, actions: release(facts), waits: 'its controller has not made the new revision yet' }
  const { hash, name } = current
  const ended = status?.revision === hash ? status.phase : undefined
  if (ended === 'Succeeded') return { ...IDLE, revision: hash, actions: promote(facts, hash) }
  if (ended === 'RolledBack' || ended === 'Aborted') {
    if (!isStableOnly(shape)) return { ...IDLE, revision: hash }
    const down: RevisionAction[] = current.replicas > 0 ? [{ do: 'scale down', replicaSet: name }] : []
    return {
      ...IDLE,
      revision: hash,
      actions: [...select(facts, 'canary', NO_REVISION), ...pause(facts), ...down],
    }
  }
  // The share of another template is taken back before its Service leads elsewhere.
  const free = isStableOnly(shape) ? select(facts, 'canary', hash) : []
  return {
    ...IDLE,
    revision: hash,
    actions: [...release(facts), ...free],
    waits: `no pod of revision ${hash} is ready`,
  }
}

const IDLE: RevisionPlan = { actions: [], revision: '', waits: '', problem: '' }

function problemOf({ name, strategy, byExpressions, paused, held }: Deployment): string {
  if (strategy !== 'RollingUpdate')
    return `Deployment ${name} has the strategy ${strategy}, which ends the old pods first: write RollingUpdate`
  if (byExpressions)
    return `Deployment ${name} selects its pods by matchExpressions, which no Service can: write matchLabels`
  if (paused && !held)
    return `Deployment ${name} is paused, and not by this Canary: \`kubectl rollout resume deployment/${name}\``
  return ''
}

/** The first revision: what the Deployment has once it is whole. */
function adopt(facts: RevisionFacts, current: ReplicaSet | undefined): RevisionPlan {
  const { deployment, shape } = facts
  const { held, rollout } = deployment
  if (!current || !deployment.complete) {
    const waits = `Deployment ${deployment.name} is not whole yet: its pods are not all of one template, and available`
    // What was held back has nothing to wait for any more.
    if (held)
      return {
        ...IDLE,
        waits,
        actions: [{ do: 'finish', rollout: held.as === 'released' ? held.was : rollout }],
      }
    return { ...IDLE, waits }
  }
  const { hash } = current
  const own = isStableOnly(shape) ? [...select(facts, 'canary', NO_REVISION), ...pause(facts)] : []
  return {
    ...IDLE,
    revision: hash,
    waits: noOther(deployment),
    actions: [...select(facts, 'stable', hash), ...own],
  }
}

/** One template, which the stable Service has. */
function rest(facts: RevisionFacts, { hash: kept }: ReplicaSet): RevisionPlan {
  const { deployment, replicaSets, shape, status, stableReady } = facts
  const plan: RevisionPlan = { ...IDLE, revision: kept, waits: noOther(deployment) }
  if (!isStableOnly(shape)) {
    // Of a run that is over, or whose template was taken back: `decide` does that. Where it was promoted, both Services
    // have the same pods once it is seen that they do.
    const promoted = shape?.weight === 100 && status?.phase === 'Succeeded' && status.route.before === null
    return promoted && stableReady === kept ? { ...plan, actions: [{ do: 'stable only' }] } : plan
  }
  const others = replicaSets.filter(({ hash, replicas }) => hash !== kept && replicas > 0)
  const down = others.map(({ name }): RevisionAction => ({ do: 'scale down', replicaSet: name }))
  return { ...plan, actions: [...select(facts, 'canary', NO_REVISION), ...pause(facts), ...down] }
}

function noOther({ name }: Deployment): string {
  return `Deployment ${name} has no other template than the stable one`
}

/** A route that can't be read gives nobody a share. */
function isStableOnly(shape: RouteShape | undefined): boolean {
  return shape === undefined || sameShape(shape, STABLE_ONLY)
}

/** The new template's pods take the place of the old ones, then they are the stable ones. */
function promote(facts: RevisionFacts, hash: string): RevisionAction[] {
  const { deployment } = facts
  const { held } = deployment
  if (held?.as === 'released') return [{ do: 'finish', rollout: held.was }]
  if (deployment.paused) return [{ do: 'finish', rollout: deployment.rollout }]
  return deployment.complete ? select(facts, 'stable', hash) : []
}

function pause({ deployment }: RevisionFacts): RevisionAction[] {
  const { held, paused } = deployment
  if (held?.as === 'released') return [{ do: 'pause', rollout: held.was }]
  return held?.as === 'paused' && paused ? [] : [{ do: 'pause', rollout: undefined }]
}

function release({ deployment, shape, steps, status }: RevisionFacts): RevisionAction[] {
  const { held, rollout, paused } = deployment
  const was = held?.as === 'released' ? held.was : rollout
  const wanted: Rollout = {
    minReadySeconds: NEVER,
    progressDeadlineSeconds: LONGEST_DEADLINE,
    maxSurge: `${roomFor(shape, steps, status)}%`,
    maxUnavailable: 0,
  }
  if (held?.as === 'released' && !paused && isDeepStrictEqual(rollout, wanted)) return []
  return [{ do: 'release', rollout: wanted, was }]
}

/** Percent of the pods that the new template gets: for its share of the requests, and for that of the next step. */
function roomFor(
  shape: RouteShape | undefined,
  steps: readonly CanaryStep[],
  status: CanaryStatus | undefined,
): number {
  const running = status?.phase === 'Progressing' || status?.phase === 'Paused'
  const from = running ? status.step : 0
  const shares = steps
    .slice(from, from + 2)
    .map((step) => (step.kind === 'weight' ? step.weight : step.kind === 'mirror' ? step.percent : 1))
  // Behind the last step is all of it.
  const next = from + 2 > steps.length && running ? 100 : 1
  return Math.min(100, Math.max(1, next, shape?.weight ?? 0, shape?.mirrorPercent ?? 0, ...shares))
}

function select(facts: RevisionFacts, service: 'stable' | 'canary', hash: string): RevisionAction[] {
  return facts[service]?.hash === hash ? [] : [{ do: 'select', service, hash }]
}
