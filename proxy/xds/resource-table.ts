import { systemClock, type Clock } from '../../core/clock.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import type { AnyValue } from '../../core/xds/any.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Listener } from '../model/listener.ts'
import { decodeResource, type Decoded, type ResourceKind } from './decode.ts'
import { referencesOf, type Reference } from './references.ts'

export const KINDS: readonly ResourceKind[] = ['cluster', 'endpoints', 'listener', 'route']

/** As it came; kept for the snapshot and for saying what is held. */
export interface HeldResource {
  readonly name: string
  readonly version: string
  readonly resource: AnyValue
}

interface Entry {
  readonly name: string
  readonly watched: Watched<Decoded[ResourceKind] | null | undefined>
  /** Undefined: nothing came yet, or it does not exist. */
  held: HeldResource | undefined
  /** When the runtime asked for it last; 0: only other resources lead to it. */
  usedAt: number
  references: readonly Reference[]
}

export interface Subscriber {
  /** A name is of interest from now on, or not any more. */
  wanted(kind: ResourceKind, name: string): void
  unwanted(kind: ResourceKind, name: string): void
}

export interface ResourceTableOptions {
  readonly clock?: Clock
  /** Destinations that nobody used for so long are forgotten. Milliseconds. */
  readonly idleMs?: number
  /** Names never forgotten. */
  readonly pinned?: readonly Reference[]
}

const IDLE_MS = 10 * 60_000

/**
 * Every resource that this proxy has use for, by kind and name: the runtime asks, the stream answers, and what one
 * resource leads to is asked for with it. Memory follows what the pod talks to.
 */
export class ResourceTable implements Configuration {
  readonly listeners = new Watched<ReadonlyMap<string, Listener>>(new Map())
  version = ''
  readonly #entries: Readonly<Record<ResourceKind, Map<string, Entry>>> = {
    listener: new Map(),
    route: new Map(),
    cluster: new Map(),
    endpoints: new Map(),
  }
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #pinned: readonly Reference[]
  #subscriber: Subscriber = { wanted() {}, unwanted() {} }

  constructor({ clock = systemClock, idleMs = IDLE_MS, pinned = [] }: ResourceTableOptions = {}) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#pinned = pinned
    for (const { kind, name } of pinned) this.#entry(kind, name)
  }

  /** Told of names from now on; those before are in `names`. */
  subscribe(subscriber: Subscriber): void {
    this.#subscriber = subscriber
  }

  listener(name: string): Watchable<Listener | null | undefined> {
    return this.#use('listener', name)
  }

  route(name: string): Watchable<Decoded['route'] | null | undefined> {
    return this.#use('route', name)
  }

  cluster(name: string): Watchable<Decoded['cluster'] | null | undefined> {
    return this.#use('cluster', name)
  }

  endpoints(name: string): Watchable<Decoded['endpoints'] | null | undefined> {
    return this.#use('endpoints', name)
  }

  names(kind: ResourceKind): readonly string[] {
    return [...this.#entries[kind].keys()]
  }

  held(kind: ResourceKind): readonly HeldResource[] {
    return [...this.#entries[kind].values()].flatMap(({ held }) => held ?? [])
  }

  /** Names that are known not to exist. */
  absent(kind: ResourceKind): readonly string[] {
    return [...this.#entries[kind].values()]
      .filter(({ watched }) => watched.value === null)
      .map(({ name }) => name)
  }

  /** In their model form, for people. */
  values(kind: ResourceKind): readonly Decoded[ResourceKind][] {
    return [...this.#entries[kind].values()].flatMap(({ watched }) => watched.value ?? [])
  }

  /**
   * Takes resources into force. One that can't be read leaves what was before under its name; the problems come
   * back, one line each. Names that nobody wants any more are passed over.
   */
  apply(
    kind: ResourceKind,
    resources: readonly HeldResource[],
    removed: readonly string[],
  ): readonly string[] {
    const problems: string[] = []
    for (const one of resources) {
      const entry = this.#entries[kind].get(one.name)
      if (!entry) continue
      const decoded = decodeResource(kind, one.resource)
      if (!decoded.ok) {
        problems.push(...decoded.problems.map((problem) => `${one.name}: ${problem}`))
        continue
      }
      entry.held = one
      entry.references = referencesOf(kind, decoded.value)
      // First, so that it is on its way when the runtime hears of the resource.
      for (const reference of entry.references) this.#entry(reference.kind, reference.name)
      entry.watched.set(decoded.value)
    }
    for (const name of removed) {
      const entry = this.#entries[kind].get(name)
      if (!entry) continue
      entry.held = undefined
      entry.references = []
      entry.watched.set(null)
    }
    if (kind === 'listener') this.#updateListeners()
    return problems
  }

  /** Takes what a snapshot held: everything counts as used now. */
  restore(
    kind: ResourceKind,
    resources: readonly HeldResource[],
    absent: readonly string[],
  ): readonly string[] {
    for (const name of [...resources.map((one) => one.name), ...absent]) this.#use(kind, name)
    return this.apply(kind, resources, absent)
  }

  /** Forgets what nothing has used for long and nothing in use leads to. Gives the number of names. */
  collect(): number {
    const now = this.#clock.now()
    const kept = new Set<Entry>()
    const keep = (entry: Entry | undefined): void => {
      if (!entry || kept.has(entry)) return
      kept.add(entry)
      for (const { kind, name } of entry.references) keep(this.#entries[kind].get(name))
    }
    for (const { kind, name } of this.#pinned) keep(this.#entries[kind].get(name))
    for (const kind of KINDS)
      for (const entry of this.#entries[kind].values())
        if (entry.watched.watchers > 0 || now - entry.usedAt < this.#idleMs) keep(entry)
    let forgotten = 0
    for (const kind of KINDS)
      for (const [name, entry] of this.#entries[kind]) {
        if (kept.has(entry)) continue
        this.#entries[kind].delete(name)
        this.#subscriber.unwanted(kind, name)
        forgotten++
      }
    return forgotten
  }

  #use<K extends ResourceKind>(kind: K, name: string): Watchable<Decoded[K] | null | undefined> {
    const entry = this.#entry(kind, name)
    entry.usedAt = this.#clock.now()
    return entry.watched as Watchable<Decoded[K] | null | undefined>
  }

  #entry(kind: ResourceKind, name: string): Entry {
    const known = this.#entries[kind].get(name)
    if (known) return known
    const entry: Entry = {
      name,
      watched: new Watched<Decoded[ResourceKind] | null | undefined>(undefined),
      held: undefined,
      usedAt: 0,
      references: [],
    }
    this.#entries[kind].set(name, entry)
    this.#subscriber.wanted(kind, name)
    return entry
  }

  #updateListeners(): void {
    const bound = new Map<string, Listener>()
    for (const [name, { watched }] of this.#entries.listener) {
      const listener = watched.value as Listener | null | undefined
      if (listener?.address) bound.set(name, listener)
    }
    const before = this.listeners.value
    const same =
      bound.size === before.size && [...bound].every(([name, listener]) => before.get(name) === listener)
    if (!same) this.listeners.set(bound)
  }
}
