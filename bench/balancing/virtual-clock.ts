import type { Clock } from '../../core/clock.ts'

interface Entry {
  readonly at: number
  readonly order: number
  task: (() => void) | undefined
}

/** A clock that goes from one task to the next, however long that is; for as many tasks as a replay has. */
export class VirtualClock implements Clock {
  #now = 0
  #count = 0
  /** A binary heap by time, then by the order in which tasks came. */
  readonly #heap: Entry[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, task: () => void): () => void {
    const entry: Entry = { at: this.#now + ms, order: this.#count++, task }
    this.#heap.push(entry)
    this.#rise(this.#heap.length - 1)
    return () => {
      entry.task = undefined
    }
  }

  /** Until no task is left. */
  run(): void {
    for (let next = this.#take(); next; next = this.#take()) {
      this.#now = next.at
      next.task?.()
    }
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]]
    if (!one || !other) return one !== undefined
    return one.at < other.at || (one.at === other.at && one.order < other.order)
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap
    ;[heap[a], heap[b]] = [heap[b] as Entry, heap[a] as Entry]
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#before(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #take() {
    const heap = this.#heap
    if (heap.length === 0) return undefined
    this.#swap(0, heap.length - 1)
    const first = heap.pop()
    for (let at = 0; ;) {
      const left = 2 * at + 1
      if (left >= heap.length) return first
      const child = left + 1 < heap.length && this.#before(left + 1, left) ? left + 1 : left
      if (!this.#before(child, at)) return first
      this.#swap(at, child)
      at = child
    }
  }
}
