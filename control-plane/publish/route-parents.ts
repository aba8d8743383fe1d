import { isDeepStrictEqual } from 'node:util'
import { CONTROLLER_NAME } from '../../core/contract.ts'
import type { ParentStatus } from '../model/route.ts'

/** An entry of `status.parents` as it stands in a route, whoever wrote it. */
export interface LiveParent {
  readonly parentRef?: Readonly<Record<string, unknown>>
  readonly controllerName?: string
  readonly conditions?: readonly LiveCondition[]
}

export interface LiveCondition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly observedGeneration?: number
  readonly lastTransitionTime: string
}

/** Of RouteStatus in Gateway API. */
const MOST_PARENTS = 32

/**
 * What `status.parents` should be: those of others where and as they are, ours as the mesh says, those of ours gone
 * that are no parents any more. Undefined when nothing is to change. `now` is a time as Kubernetes writes it.
 */
export function mergeParents(
  live: readonly LiveParent[],
  wanted: readonly ParentStatus[],
  now: string,
): readonly LiveParent[] | undefined {
  const left = new Map(wanted.map((parent) => [refKey(parent.parentRef), parent]))
  const merged: LiveParent[] = []
  for (const parent of live) {
    if (parent.controllerName !== CONTROLLER_NAME) {
      merged.push(parent)
      continue
    }
    const key = refKey(parent.parentRef ?? {})
    const ours = left.get(key)
    // The entry stays where it is: two controllers that order anew would never end.
    if (ours) merged.push(entryOf(ours, parent.conditions ?? [], now))
    left.delete(key)
  }
  for (const ours of left.values()) {
    if (merged.length < MOST_PARENTS) merged.push(entryOf(ours, [], now))
  }
  return isDeepStrictEqual(merged, live) ? undefined : merged
}

function entryOf(ours: ParentStatus, before: readonly LiveCondition[], now: string): LiveParent {
  const conditions = ours.conditions.map((condition): LiveCondition => {
    const same = before.find((one) => one.type === condition.type && one.status === condition.status)
    return {
      type: condition.type,
      status: condition.status,
      reason: condition.reason,
      message: truncated(condition.message),
      observedGeneration: condition.observedGeneration,
      lastTransitionTime: same?.lastTransitionTime ?? now,
    }
  })
  // Listed by type: the order in which a server gives them back is that in which they are written.
  return { parentRef: { ...ours.parentRef }, controllerName: CONTROLLER_NAME, conditions }
}

/** `message` of a condition: at most 32,768 characters. */
function truncated(message: string): string {
  return message.length > 32_768 ? `${message.slice(0, 32_765)}...` : message
}

function refKey({
  group,
  kind,
  namespace,
  name,
  port,
  sectionName,
}: Readonly<Record<string, unknown>>): string {
  return JSON.stringify([group ?? '', kind ?? '', namespace ?? '', name ?? '', port ?? 0, sectionName ?? ''])
}

/** Whole seconds, in UTC. */
export function apiTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}
