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
  /** When the runtime asked for it last; -Infinity: only other resources lead to it. */
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
  /** Names never forgotten; once one has been there, the server's word that it is gone leaves it in force. */
  readonly pinned?: readonly Reference[]
  /** Names of listeners beyond which those that are none, and the longest unused, go before they are idle for long. */
  readonly largest?: number
}

const IDLE_MS = 10 * 60_000
// An application that scans networks must not take the pod's memory, nor the stream: the control plane ends one
// that asks for 50,000 names.
const LARGEST = 20_000

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
  readonly #largest: number
  #roomAt: number
  #subscriber: Subscriber = { wanted() {}, unwanted() {} }

  constructor({
    clock = systemClock,
    idleMs = IDLE_MS,
    pinned = [],
    largest = LARGEST,
  }: ResourceTableOptions = {}) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#pinned = pinned
    this.#largest = largest
    this.#roomAt = largest
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
      if (entry.held && sameBytes(entry.held, one)) {
        // Sent again: who watches it has no reason to begin anew.
        entry.held = one
        continue
      }
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
      if (!entry || (entry.held && this.#isPinned(kind, name))) continue
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

  /**
   * Forgets what nothing has used for long and nothing in use leads to; while the server is away, only what it has
   * said nothing about: the rest could not be asked for again. Gives the number of names.
   */
  collect({ connected = true }: { readonly connected?: boolean } = {}): number {
    return this.#forget(this.#clock.now() - this.#idleMs, ({ watched }) =>
      connected ? true : watched.value === undefined,
    )
  }

  /** Forgets names used last at `until` or before. */
  #forget(until: number, may: (entry: Entry) => boolean): number {
    const kept = new Set<Entry>()
    const keep = (entry: Entry | undefined): void => {
      if (!entry || kept.has(entry)) return
      kept.add(entry)
      for (const { kind, name } of entry.references) keep(this.#entries[kind].get(name))
    }
    for (const { kind, name } of this.#pinned) keep(this.#entries[kind].get(name))
    for (const kind of KINDS)
      for (const entry of this.#entries[kind].values())
        if (entry.watched.watchers > 0 || entry.usedAt > until || !may(entry)) keep(entry)
    let forgotten = 0
    for (const kind of KINDS)
      for (const [name, entry] of this.#entries[kind]) {
        if (kept.has(entry)) continue
        this.#entries[kind].delete(name)
        this.#subscriber.unwanted(kind, name)
        forgotten++
      }
    if (this.listeners.value.size > 0) this.#updateListeners()
    return forgotten
  }

  /** Half of what is no listener at a time, so that the search for the oldest is rare. */
  #makeRoom(): void {
    const listeners = this.#entries.listener
    const spare = ({ held }: Entry): boolean => held === undefined
    const times = [...listeners.values()]
      .filter(spare)
      .map(({ usedAt }) => usedAt)
      .sort((a, b) => a - b)
    this.#forget(times[times.length >> 1] ?? -Infinity, spare)
    this.#roomAt = Math.max(this.#largest, Math.ceil(listeners.size * 1.25))
  }

  #isPinned(kind: ResourceKind, name: string): boolean {
    return this.#pinned.some((one) => one.kind === kind && one.name === name)
  }

  #use<K extends ResourceKind>(kind: K, name: string): Watchable<Decoded[K] | null | undefined> {
    const entry = this.#entry(kind, name)
    entry.usedAt = this.#clock.now()
    return entry.watched as Watchable<Decoded[K] | null | undefined>
  }

  #entry(kind: ResourceKind, name: string): Entry {
    const known = this.#entries[kind].get(name)
    if (known) return known
    if (kind === 'listener' && this.#entries.listener.size >= this.#roomAt) this.#makeRoom()
    const entry: Entry = {
      name,
      watched: new Watched<Decoded[ResourceKind] | null | undefined>(undefined),
      held: undefined,
      usedAt: -Infinity,
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

function sameBytes(one: HeldResource, other: HeldResource): boolean {
  const [a, b] = [one.resource, other.resource]
  return a.typeUrl === b.typeUrl && Buffer.compare(a.value ?? EMPTY, b.value ?? EMPTY) === 0
}

const EMPTY = new Uint8Array()
