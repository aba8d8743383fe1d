import { hashes, type Balancing, type Locality } from '../../model/balancing.ts'
import type { Chance } from './draw.ts'
import { Group } from './group.ts'
import { orderForHash, type HashTables } from './hash-tables.ts'
import type { HashTable } from './hash-table.ts'
import { distanceOf, NearestFirst } from './nearest-first.ts'
import { OVERPROVISIONING } from './priority-load.ts'
import type { Purpose, Target } from './target.ts'

/** Whatever decides among some targets. */
interface Chooser<T extends Target> {
  pick(purpose: Purpose): T
}

export interface LevelSettings {
  readonly balancing: Balancing
  /** Where we are; undefined: not known. */
  readonly own: Locality | undefined
  readonly chance: Chance
  readonly tables: HashTables
}

/** The endpoints of one priority that requests go to. */
export class Level<T extends Target> {
  /** At least one. */
  readonly targets: readonly T[]
  readonly #chooser: Chooser<T>
  readonly #chance: Chance
  readonly #table: HashTable | undefined
  /** Members of the table, and which of them are among `targets`. */
  readonly #members: readonly T[]
  readonly #usable: Uint8Array

  /** `all`: of the priority, whoever is in use at the moment; `targets` of them are picked. */
  constructor(priority: number, all: readonly T[], targets: readonly T[], settings: LevelSettings) {
    const { balancing, chance, tables } = settings
    this.targets = targets
    this.#chance = chance
    const hashed = hashes(balancing.policy)
    this.#members = hashed ? orderForHash(all) : []
    const weights = hashed && balancing.localities.kind === 'weighted' ? shareOf(all) : undefined
    this.#table = tables.table(
      priority,
      balancing.policy,
      this.#members,
      (target) => target.endpoint.weight * (weights?.get(localityKey(target)) ?? 1),
    )
    const picked = new Set(targets)
    this.#usable = Uint8Array.from(this.#members, (member) => (picked.has(member) ? 1 : 0))
    this.#chooser = chooserOf(all, targets, settings)
  }

  pick(purpose: Purpose, hash: number | undefined): T {
    if (this.#table && hash !== undefined) {
      const member = this.#members[this.#table.find(hash, this.#usable)]
      if (member) return member
    }
    return this.#chooser.pick(purpose)
  }

  /** One that is not among `tried`, drawn by weight; undefined: there is none. */
  fresh(tried: readonly T[]): T | undefined {
    let chosen: T | undefined
    let sum = 0
    for (const target of this.targets) {
      if (tried.includes(target)) continue
      sum += target.endpoint.weight
      if (!chosen || this.#chance.random() * sum < target.endpoint.weight) chosen = target
    }
    return chosen
  }
}

function chooserOf<T extends Target>(
  all: readonly T[],
  targets: readonly T[],
  { balancing, own, chance }: LevelSettings,
): Chooser<T> {
  const { localities, policy } = balancing
  const together = (): Chooser<T> => new Group(policy, targets, chance)
  switch (localities.kind) {
    case 'together':
      return together()
    case 'zone-aware': {
      if (!own || (own.zone === '' && own.subZone === '') || all.length < localities.minimumEndpoints)
        return together()
      const groups = ([0, 1, 2] as const)
        .map((distance) => targets.filter((target) => distanceOf(target, own) === distance))
        .filter((near) => near.length > 0)
        .map((near) => new Group(policy, near, chance))
      const nearest = new NearestFirst(groups, chance)
      return localities.percent >= 100
        ? nearest
        : new Shares([nearest, together()], [localities.percent, 100 - localities.percent], chance)
    }
    case 'weighted':
      return byWeight(all, targets, policy, chance) ?? together()
  }
}

/** Some of several, each with its share. */
class Shares<T extends Target> implements Chooser<T> {
  readonly #choosers: readonly Chooser<T>[]
  readonly #sums: Float64Array
  readonly #chance: Chance

  constructor(choosers: readonly Chooser<T>[], shares: readonly number[], chance: Chance) {
    this.#choosers = choosers
    let sum = 0
    this.#sums = Float64Array.from(shares, (share) => (sum += share))
    this.#chance = chance
  }

  pick(purpose: Purpose): T {
    const sums = this.#sums
    const drawn = this.#chance.random() * (sums[sums.length - 1] as number)
    let i = 0
    while (i < sums.length - 1 && (sums[i] as number) <= drawn) i++
    return (this.#choosers[i] as Chooser<T>).pick(purpose)
  }
}

/** Envoy's locality weighted load balancing: a locality's weight counts as far as 1.4 times its part in use allows. */
function byWeight<T extends Target>(
  all: readonly T[],
  targets: readonly T[],
  policy: Balancing['policy'],
  chance: Chance,
): Chooser<T> | undefined {
  const groups = Map.groupBy(targets, localityKey)
  const totals = Map.groupBy(all, localityKey)
  const choosers: Chooser<T>[] = []
  const shares: number[] = []
  for (const [key, members] of groups) {
    const weight = members[0]?.endpoint.locality?.weight ?? 0
    const inUse = members.length / (totals.get(key)?.length ?? members.length)
    if (weight === 0) continue
    choosers.push(new Group(policy, members, chance))
    shares.push(weight * Math.min(1, OVERPROVISIONING * inUse))
  }
  return choosers.length === 0 ? undefined : new Shares(choosers, shares, chance)
}

/** By locality: what a weight of 1 of one of its endpoints is of its own weight. */
function shareOf(all: readonly Target[]): ReadonlyMap<string, number> {
  const shares = new Map<string, number>()
  for (const [key, members] of Map.groupBy(all, localityKey)) {
    const weight = members[0]?.endpoint.locality?.weight ?? 0
    shares.set(key, (weight || 1) / members.reduce((sum, { endpoint }) => sum + endpoint.weight, 0))
  }
  return shares
}

function localityKey({ endpoint: { locality } }: Target): string {
  return locality ? JSON.stringify([locality.region, locality.zone, locality.subZone]) : ''
}
