import type { TimeRange } from '../../../core/api/coverage.ts'
import type { MeshEvent } from '../../../core/api/traffic.ts'

export interface EventQuery extends TimeRange {
  readonly namespace?: string | undefined
  /** `catalog.shop` */
  readonly service?: string | undefined
  readonly limit: number
}

/** A mesh of 500 services that is rolled out whole tells some 2,000. */
const MOST_EVENTS = 5000
const LONGEST_TEXT = 300

/** What happened to the mesh lately, in memory: the oldest go. */
export class EventLog {
  readonly #most: number
  #events: MeshEvent[] = []
  readonly #listeners = new Set<(event: MeshEvent) => void>()

  constructor(most: number = MOST_EVENTS) {
    this.#most = most
  }

  get size(): number {
    return this.#events.length
  }

  add(event: MeshEvent): void {
    const text = event.text.length > LONGEST_TEXT ? `${event.text.slice(0, LONGEST_TEXT - 1)}…` : event.text
    const kept = { ...event, text: text.toWellFormed() }
    this.#events.push(kept)
    // Seldom, as it costs a copy.
    if (this.#events.length > this.#most * 1.1) this.#events = this.#events.slice(-this.#most)
    for (const listener of this.#listeners) listener(kept)
  }

  /** Calls back with each one from now on; returns what ends that. */
  onEvent(listener: (event: MeshEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The newest first; one more than the limit where there are more. */
  search(query: EventQuery): readonly MeshEvent[] {
    return this.#events
      .filter((event) => matchesEvent(query, event))
      .toReversed()
      .sort((a, b) => b.at - a.at)
      .slice(0, query.limit + 1)
  }
}

export function matchesEvent({ from, to, namespace, service }: EventQuery, event: MeshEvent): boolean {
  return (
    event.at >= from &&
    event.at < to &&
    (namespace === undefined || event.namespace === namespace) &&
    (service === undefined || event.service === service)
  )
}
