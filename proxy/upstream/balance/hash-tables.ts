import type { BalancingPolicy } from '../../model/balancing.ts'
import type { HashMember, HashTable } from './hash-table.ts'
import { Maglev } from './maglev.ts'
import { Ring } from './ring.ts'
import type { Target } from './target.ts'

interface Entry {
  readonly policy: BalancingPolicy
  readonly members: readonly HashMember[]
  readonly table: HashTable
}

/** The tables of a cluster's priorities, each made anew only when its members, their weights or its settings change. */
export class HashTables {
  readonly #entries = new Map<number, Entry>()

  /** Undefined: the policy is none that hashes. `targets`: in the order of `orderForHash`. */
  table(
    priority: number,
    policy: BalancingPolicy,
    targets: readonly Target[],
    weightOf: (target: Target) => number,
  ): HashTable | undefined {
    if (policy.kind !== 'ring-hash' && policy.kind !== 'maglev') return undefined
    const members = targets.map((target) => ({ key: target.address, weight: weightOf(target) }))
    const known = this.#entries.get(priority)
    if (known && samePolicy(known.policy, policy) && sameMembers(known.members, members)) return known.table
    const table =
      policy.kind === 'maglev'
        ? new Maglev(members, policy.tableSize)
        : new Ring(members, policy.minimumSize, policy.maximumSize)
    this.#entries.set(priority, { policy, members, table })
    return table
  }

  /** Of priorities that are there no more. */
  keep(priorities: ReadonlySet<number>): void {
    for (const priority of this.#entries.keys()) if (!priorities.has(priority)) this.#entries.delete(priority)
  }
}

/** An order that is the same in every proxy, whatever the order in which it learned of them. */
export function orderForHash<T extends Target>(targets: readonly T[]): T[] {
  return [...targets].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
}

function samePolicy(a: BalancingPolicy, b: BalancingPolicy): boolean {
  if (a.kind === 'maglev') return b.kind === 'maglev' && a.tableSize === b.tableSize
  return (
    a.kind === 'ring-hash' &&
    b.kind === 'ring-hash' &&
    a.minimumSize === b.minimumSize &&
    a.maximumSize === b.maximumSize
  )
}

function sameMembers(a: readonly HashMember[], b: readonly HashMember[]): boolean {
  return (
    a.length === b.length && a.every(({ key, weight }, i) => key === b[i]?.key && weight === b[i]?.weight)
  )
}
