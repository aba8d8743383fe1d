/** What happened to an object, as `kubectl describe` lists it. Source: Kubernetes API, events.k8s.io/v1. */
export interface ObjectEvent {
  readonly type: 'Normal' | 'Warning'
  /** One word in camel case, such as BackOff. */
  readonly reason: string
  readonly message: string
  /** How often it happened, the same each time. */
  readonly count: number
  /** Milliseconds since 1970: the first and the last time. */
  readonly firstAt: number
  readonly lastAt: number
  /** `Kind namespace/name` of what it happened to. */
  readonly object: string
}

/** Tells one event. */
export type RecordEvent = (type: ObjectEvent['type'], reason: string, message: string) => void

/** More would be no help to who reads them; the eldest go first. */
const OF_ONE_OBJECT = 25
const OBJECTS = 200

/** The last events of each object, bounded in number: the same one again is counted. */
export class EventLog {
  readonly #byObject = new Map<string, ObjectEvent[]>()

  /** A recorder for one object: `Kind namespace/name`. */
  recorder(object: string): RecordEvent {
    return (type, reason, message) => this.#record({ object, type, reason, message })
  }

  /** Those of one object, the eldest first. */
  of(object: string): readonly ObjectEvent[] {
    return this.#byObject.get(object) ?? []
  }

  /** All of them, by the time they last happened. */
  get all(): readonly ObjectEvent[] {
    return [...this.#byObject.values()].flat().sort((a, b) => a.lastAt - b.lastAt)
  }

  #record(event: Pick<ObjectEvent, 'object' | 'type' | 'reason' | 'message'>): void {
    const own = this.#byObject.get(event.object) ?? []
    const same = own.findIndex(
      ({ type, reason, message }) =>
        type === event.type && reason === event.reason && message === event.message,
    )
    const [before] = same === -1 ? [] : own.splice(same, 1)
    const now = Date.now()
    own.push({ ...event, count: (before?.count ?? 0) + 1, firstAt: before?.firstAt ?? now, lastAt: now })
    if (own.length > OF_ONE_OBJECT) own.shift()
    // Put last: a Map keeps the order of its keys, and who has been silent longest is forgotten first.
    this.#byObject.delete(event.object)
    this.#byObject.set(event.object, own)
    const [eldest] = this.#byObject.keys()
    if (this.#byObject.size > OBJECTS && eldest !== undefined) this.#byObject.delete(eldest)
  }
}
