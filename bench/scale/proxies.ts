import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import { monotonicMs, type ClientsConfig, type FromClients } from './messages.ts'

/** The process that plays the proxies. */
export class Proxies {
  readonly #child: ChildProcess
  readonly #interested = new Map<string, number>()
  readonly #waiting = new Map<
    string,
    { left: number; bytes: number; done: (at: number, bytes: number) => void }
  >()
  #again = 0
  #failure: WeftError | undefined
  #onSynced: ((bytes: number) => void) | undefined
  #onFailed: ((error: WeftError) => void) | undefined

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'clients.ts'), { execArgv: [] })
    this.#child.on('message', (message: FromClients) => this.#take(message))
  }

  /** Opens every stream at once. Resolves to how long it took until the last had all, and the bytes that came. */
  async start(config: ClientsConfig): Promise<{ readonly ms: number; readonly bytes: number }> {
    for (const { destinations } of config.proxies)
      for (const { key } of destinations) this.#interested.set(key, (this.#interested.get(key) ?? 0) + 1)
    const began = monotonicMs()
    const bytes = await new Promise<number>((resolve, reject) => {
      this.#onSynced = resolve
      this.#onFailed = reject
      this.#child.send(config)
    })
    return { ms: monotonicMs() - began, bytes }
  }

  /** How often one was told to come back later. */
  get again(): number {
    return this.#again
  }

  interested(key: string): number {
    return this.#interested.get(key) ?? 0
  }

  /**
   * When, of the monotonic clock, the last proxy that is interested (`told` of them) had the change to come, and the bytes
   * sent.
   */
  last(key: string, told = this.interested(key)): Promise<{ readonly at: number; readonly bytes: number }> {
    if (this.#failure) throw this.#failure
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const left = this.#waiting.get(key)?.left
        reject(new WeftError('scale.lost', `${left} proxies had no change of ${key} within 30 s`))
      }, 30_000)
      const done = (at: number, bytes: number): void => {
        clearTimeout(timer)
        resolve({ at, bytes })
      }
      this.#waiting.set(key, { left: told, bytes: 0, done })
    })
  }

  stop(): void {
    this.#child.disconnect()
  }

  #take(message: FromClients): void {
    if (message.type === 'synced') return this.#onSynced?.(message.bytes)
    if (message.type === 'again') {
      this.#again++
      return
    }
    if (message.type === 'failed') {
      this.#failure ??= new WeftError('scale.proxy', message.message)
      return this.#onFailed?.(this.#failure)
    }
    const waiting = this.#waiting.get(message.key)
    if (!waiting) return
    waiting.bytes += message.bytes
    if (--waiting.left > 0) return
    this.#waiting.delete(message.key)
    waiting.done(message.at, waiting.bytes)
  }
}
