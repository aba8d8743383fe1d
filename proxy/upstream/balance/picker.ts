import { mix32 } from './hash.ts'
import { HashTables } from './hash-tables.ts'
import { Level, type LevelSettings } from './level.ts'
import { priorityLoads } from './priority-load.ts'
import type { Purpose, Target } from './target.ts'

/** How often a policy is asked before whoever was not tried is looked for. */
const TRIES = 8

export type PickerSettings = Omit<LevelSettings, 'tables'> & { readonly tables?: HashTables }

/**
 * Choice among the endpoints of a cluster, replaced when they or what is known of their health changes: a priority by its
 * share, in it one by the policy. A pick allocates nothing.
 */
export class Picker<T extends Target> {
  readonly #levels: readonly Level<T>[]
  /** Sums of the shares up to each level. */
  readonly #sums: Float64Array
  readonly #random: () => number

  constructor(targets: readonly T[], settings: PickerSettings) {
    const { tables = new HashTables() } = settings
    const inOrder = [...Map.groupBy(weighted(targets), priorityOf)].sort(([a], [b]) => a - b)
    tables.keep(new Set(inOrder.map(([priority]) => priority)))
    const loads = priorityLoads(
      inOrder.map(([, members]) => ({
        used: members.filter(isUsed).length,
        total: members.filter(({ endpoint }) => endpoint.health !== 'draining').length,
      })),
      settings.balancing.panicThresholdPercent,
    )
    const levels: Level<T>[] = []
    const shares: number[] = []
    const add = (
      [priority, members]: readonly [number, readonly T[]],
      some: readonly T[],
      share: number,
    ): void => {
      levels.push(new Level(priority, members, some, { ...settings, tables }))
      shares.push(share)
    }
    inOrder.forEach((level, i) => {
      const { percent = 0, panic = false } = loads[i] ?? {}
      const some = level[1].filter(panic ? isCertain : isUsed)
      if (some.length > 0 && percent > 0) add(level, some, percent)
    })
    // Nobody is in use: those that may be wrongly told so, else the last resort, of the first priority that has any.
    for (const among of [isCertain, isLastResort]) {
      const found = inOrder.find(([, members]) => members.some(among))
      if (levels.length === 0 && found) add(found, found[1].filter(among), 100)
    }
    this.#levels = levels
    let sum = 0
    this.#sums = Float64Array.from(shares, (share) => (sum += share))
    this.#random = settings.chance.random
  }

  /** How many endpoints may be picked. */
  get size(): number {
    return this.#levels.reduce((sum, { targets }) => sum + targets.length, 0)
  }

  /** Whether it may be picked at all. */
  includes(target: T): boolean {
    return this.#levels.some(({ targets }) => targets.includes(target))
  }

  /**
   * Prefers endpoints that `tried` does not hold; undefined: there is none at all. `hash`: 32 bits, for a policy that hashes;
   * undefined: what is sent has none.
   */
  pick(
    tried: readonly T[] | undefined,
    hash: number | undefined,
    purpose: Purpose = 'request',
  ): T | undefined {
    if (this.#levels.length === 0) return undefined
    const first = this.#level(hash).pick(purpose, hash)
    if (!tried || tried.length === 0 || !tried.includes(first)) return first
    let next = hash
    for (let i = 1; i < TRIES; i++) {
      // The same key is led to the same endpoint when that is tried, too.
      if (next !== undefined) next = mix32(next + i)
      const picked = this.#level(hash).pick(purpose, next)
      if (!tried.includes(picked)) return picked
    }
    for (const level of this.#levels) {
      const fresh = level.fresh(tried)
      if (fresh) return fresh
    }
    return first
  }

  #level(hash: number | undefined): Level<T> {
    const levels = this.#levels
    if (levels.length === 1) return levels[0] as Level<T>
    const sums = this.#sums
    const drawn =
      (hash === undefined ? this.#random() : mix32(hash ^ 0x5bd1e995) / 2 ** 32) *
      (sums[sums.length - 1] as number)
    let i = 0
    while (i < levels.length - 1 && (sums[i] as number) <= drawn) i++
    return levels[i] as Level<T>
  }
}

function weighted<T extends Target>(targets: readonly T[]): T[] {
  return targets.filter(({ endpoint }) => endpoint.weight > 0)
}

function priorityOf({ endpoint }: Target): number {
  return endpoint.priority ?? 0
}

function isUsed({ health }: Target): boolean {
  return health.standing === 'use'
}

/** In use, but for signals that may be wrong. */
function isCertain({ health }: Target): boolean {
  return health.certain === 'use'
}

function isLastResort({ health }: Target): boolean {
  return health.standing === 'last-resort'
}
