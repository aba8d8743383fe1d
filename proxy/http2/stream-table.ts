import type { Http2Stream } from './stream.ts'

/** As many as a client mostly has open at once. A power of two, as every size of the table is. */
const FEWEST_PLACES = 16
/** What a burst has taken beyond that is given back when it is over: an idle connection may keep 2 KiB. */
const MOST_KEPT_PLACES = 256

/**
 * The open streams of a connection by their numbers. A stream has one place, by its number, and whoever had that before goes
 * to a map: so only a stream that outlives as many others as there are places ever stands there.
 *
 * It is no Map: one that streams come to and go from replaces its table all the time, V8 links each table to the next, and once
 * the collector has moved one to the old generation, all that follow stay alive with the requests in them until the next full
 * collection, which begins the same anew: that doubled the memory of a busy proxy.
 */
export class StreamTable {
  #places: (Http2Stream | undefined)[] = []
  /** Made when it is needed. */
  #outlived: Map<number, Http2Stream> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): Http2Stream | undefined {
    const stream = this.#places[this.#placeOf(id)]
    return stream?.id === id ? stream : this.#outlived?.get(id)
  }

  /** A stream that is not in it. */
  add(stream: Http2Stream): void {
    // Half of the places stay free, or too many would be in each other's.
    if (++this.#size * 2 > this.#places.length) this.#grow()
    this.#put(stream)
  }

  delete({ id }: Http2Stream): void {
    const place = this.#placeOf(id)
    if (this.#places[place]?.id === id) this.#places[place] = undefined
    else if (!this.#outlived?.delete(id)) return
    if (--this.#size === 0 && this.#places.length > MOST_KEPT_PLACES) this.clear()
  }

  clear(): void {
    this.#places = []
    this.#outlived = undefined
    this.#size = 0
  }

  /** All of them, the oldest first; the list stays as it is when streams go. */
  all(): readonly Http2Stream[] {
    const all = this.#outlived === undefined ? [] : [...this.#outlived.values()]
    for (const stream of this.#places) if (stream !== undefined) all.push(stream)
    return all.sort((a, b) => a.id - b.id)
  }

  /** Those of one side are all odd or all even. */
  #placeOf(id: number): number {
    return (id >>> 1) & (this.#places.length - 1)
  }

  #put(stream: Http2Stream): void {
    const place = this.#placeOf(stream.id)
    const before = this.#places[place]
    if (before !== undefined) (this.#outlived ??= new Map()).set(before.id, before)
    this.#places[place] = stream
  }

  #grow(): void {
    const all = this.all()
    this.#places = Array.from({ length: Math.max(FEWEST_PLACES, this.#places.length * 2) })
    this.#outlived = undefined
    for (const stream of all) this.#put(stream)
  }
}
