export interface GateLimits {
  /** Tasks that run at once, and of one source. */
  readonly width: number
  readonly widthPerSource: number
  /** Tasks that wait: of one source, and of all. */
  readonly waitingPerSource: number
  readonly waiting: number
}

/** Whose turn it is: sources take turns, and within a source those whom its tasks speak for. */
export interface Asker {
  readonly source: string
  readonly subject: string
}

interface Waiting {
  readonly start: () => void
  readonly drop: () => void
}

interface Source {
  running: number
  waiting: number
  readonly bySubject: Map<string, Waiting[]>
}

/**
 * Lets so many tasks run at once. The others wait, a bounded number of them, and are served in turns: a source that
 * brings thousands waits for itself alone.
 */
export class Gate {
  readonly #limits: GateLimits
  readonly #full: () => Error
  // In the order of their turns: who was served goes to the end.
  readonly #sources = new Map<string, Source>()
  #running = 0
  #waiting = 0

  /** `full` makes the error of one task too many. */
  constructor(limits: GateLimits, full: () => Error) {
    this.#limits = limits
    this.#full = full
  }

  /** Throws what the task throws, and the error of `full`. */
  async pass<T>({ source: name, subject }: Asker, task: () => Promise<T>): Promise<T> {
    const source = this.#sources.get(name) ?? { running: 0, waiting: 0, bySubject: new Map() }
    this.#sources.set(name, source)
    if (!this.#free(source)) await this.#wait(source, subject)
    else this.#begin(source)
    try {
      return await task()
    } finally {
      this.#running--
      source.running--
      this.#next()
      if (source.running === 0 && source.waiting === 0) this.#sources.delete(name)
    }
  }

  #free(source: Source): boolean {
    return this.#running < this.#limits.width && source.running < this.#limits.widthPerSource
  }

  #begin(source: Source): void {
    this.#running++
    source.running++
  }

  #wait(source: Source, subject: string): Promise<void> {
    const queue = source.bySubject.get(subject) ?? []
    if (source.waiting >= this.#limits.waitingPerSource) {
      // Who speaks for one that has none waiting is not kept out by the others.
      const longest = longestOf(source.bySubject.values())
      if (longest.length <= queue.length + 1) throw this.#full()
      this.#drop(source, longest)
    } else if (this.#waiting >= this.#limits.waiting) {
      let most = source
      for (const one of this.#sources.values()) if (one.waiting > most.waiting) most = one
      if (most === source) throw this.#full()
      this.#drop(most, longestOf(most.bySubject.values()))
    }
    source.bySubject.set(subject, queue)
    source.waiting++
    this.#waiting++
    return new Promise((resolve, reject) => queue.push({ start: resolve, drop: () => reject(this.#full()) }))
  }

  #drop(source: Source, queue: Waiting[]): void {
    queue.pop()?.drop()
    source.waiting--
    this.#waiting--
  }

  #next(): void {
    for (const [name, source] of this.#sources) {
      if (source.waiting === 0 || !this.#free(source)) continue
      this.#sources.delete(name)
      this.#sources.set(name, source)
      for (const [subject, queue] of source.bySubject) {
        const first = queue.shift()
        source.bySubject.delete(subject)
        if (!first) continue
        if (queue.length > 0) source.bySubject.set(subject, queue)
        source.waiting--
        this.#waiting--
        this.#begin(source)
        first.start()
        return
      }
    }
  }
}

function longestOf(queues: Iterable<Waiting[]>): Waiting[] {
  let longest: Waiting[] = []
  for (const queue of queues) if (queue.length > longest.length) longest = queue
  return longest
}
