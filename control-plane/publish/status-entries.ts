import { isDeepStrictEqual } from 'node:util'
import { CONTROLLER_NAME } from '../../core/contract.ts'

type Ref = Readonly<Record<string, unknown>>

/** Where in a status the controllers of Gateway API write side by side, each its own entries. */
export interface EntryList {
  /** Below `status`. */
  readonly field: 'parents' | 'ancestors'
  /** Of an entry: whom it is about. */
  readonly ref: 'parentRef' | 'ancestorRef'
  /** What the API takes. */
  readonly most: number
}

/** RouteStatus. */
export const PARENTS: EntryList = { field: 'parents', ref: 'parentRef', most: 32 }
/** PolicyStatus. */
export const ANCESTORS: EntryList = { field: 'ancestors', ref: 'ancestorRef', most: 16 }

/** One of ours as the mesh says it. */
export interface WantedEntry {
  readonly ref: Ref
  readonly conditions: readonly Omit<LiveCondition, 'lastTransitionTime'>[]
}

/** One as it stands in an object, whoever wrote it. */
export interface LiveEntry {
  readonly parentRef?: Ref
  readonly ancestorRef?: Ref
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

/**
 * What the list should be: the entries of others where and as they are, ours as the mesh says, those of ours gone that are
 * wanted no more. Undefined when nothing is to change. `now` is a time as Kubernetes writes it.
 */
export function mergeEntries(
  { ref, most }: EntryList,
  live: readonly LiveEntry[],
  wanted: readonly WantedEntry[],
  now: string,
): readonly LiveEntry[] | undefined {
  const left = new Map(wanted.map((entry) => [refKey(entry.ref), entry]))
  const merged: LiveEntry[] = []
  const entryOf = (ours: WantedEntry, before: readonly LiveCondition[]): LiveEntry => ({
    // Listed by type: the order in which a server gives them back is that in which they are written.
    [ref]: { ...ours.ref },
    controllerName: CONTROLLER_NAME,
    conditions: conditionsOf(ours, before, now),
  })
  for (const entry of live) {
    if (entry.controllerName !== CONTROLLER_NAME) {
      merged.push(entry)
      continue
    }
    const key = refKey(entry[ref] ?? {})
    const ours = left.get(key)
    // The entry stays where it is: two controllers that order anew would never end.
    if (ours) merged.push(entryOf(ours, entry.conditions ?? []))
    left.delete(key)
  }
  for (const ours of left.values()) {
    if (merged.length < most) merged.push(entryOf(ours, []))
  }
  return isDeepStrictEqual(merged, live) ? undefined : merged
}

function conditionsOf(ours: WantedEntry, before: readonly LiveCondition[], now: string): LiveCondition[] {
  return ours.conditions.map((condition) => {
    const same = before.find((one) => one.type === condition.type && one.status === condition.status)
    const { type, status, reason, message, observedGeneration } = condition
    return {
      type,
      status,
      reason,
      message: truncated(message),
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      lastTransitionTime: same?.lastTransitionTime ?? now,
    }
  })
}

/** `message` of a condition: at most 32,768 characters. */
function truncated(message: string): string {
  return message.length > 32_768 ? `${message.slice(0, 32_765)}...` : message
}

function refKey({ group, kind, namespace, name, port, sectionName }: Ref): string {
  return JSON.stringify([group ?? '', kind ?? '', namespace ?? '', name ?? '', port ?? 0, sectionName ?? ''])
}

/** Whole seconds, in UTC. */
export function apiTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}
