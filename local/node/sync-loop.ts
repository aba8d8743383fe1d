/** Runs a task again after every request, never twice at a time; requests meanwhile make one more run. */
export class SyncLoop {
  readonly #task: () => Promise<void>
  readonly #failed: (error: unknown) => void
  #next: PromiseWithResolvers<void> | undefined
  #running = false

  constructor(task: () => Promise<void>, failed: (error: unknown) => void) {
    this.#task = task
    this.#failed = failed
  }

  /** Resolves once a run that began after this call has ended. */
  request(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>()
    const { promise } = this.#next
    if (!this.#running) {
      this.#running = true
      setImmediate(() => void this.#drain())
    }
    return promise
  }

  async #drain(): Promise<void> {
    while (this.#next) {
      const current = this.#next
      this.#next = undefined
      try {
        await this.#task()
      } catch (error) {
        this.#failed(error)
      }
      current.resolve()
    }
    this.#running = false
  }
}
