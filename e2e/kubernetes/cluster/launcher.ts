import type { ChildProcess } from 'node:child_process'
import type { Server } from 'node:net'
import { WeftError } from '../../../core/errors.ts'
import type { FromInside, InsideConfig, Restartable, ToInside } from './messages.ts'

const STDERR_KEPT = 4000

/** The machine's side of a cluster: talks to the process inside its namespaces. */
export class Launcher {
  readonly closed: Promise<void>
  readonly #child: ChildProcess
  readonly #ready = Promise.withResolvers<void>()
  readonly #asked = new Map<number, PromiseWithResolvers<void>>()
  readonly #logs: string
  #failure: string | undefined
  #stderr = ''
  #stopping = false
  #nextId = 0

  constructor(child: ChildProcess, progress: (line: string) => void, logs: string) {
    this.#child = child
    this.#logs = logs
    const closed = Promise.withResolvers<void>()
    this.closed = closed.promise
    this.#ready.promise.catch(() => {})
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-STDERR_KEPT)
    })
    child.on('message', (message: FromInside) => this.#receive(message, progress))
    child.on('error', (error) => (this.#failure ??= error.message))
    // Not `exit`: by then the last process inside has gone too.
    child.on('close', (code) => {
      if (!this.#stopping) this.#failure ??= `the cluster ended (${code}) ${this.#stderr.trim()}`
      const error = new WeftError('kubernetes.ended', this.#failure ?? 'the cluster was ended')
      this.#ready.reject(error)
      for (const asked of this.#asked.values()) asked.reject(error)
      closed.resolve()
    })
  }

  get failure(): string | undefined {
    return this.#failure
  }

  /** Resolves when the cluster is ready. `server` listens on the machine: the cluster takes it over. */
  async start(config: InsideConfig, server: Server): Promise<void> {
    this.#send({ type: 'start', config })
    this.#child.send?.({ type: 'listen' } satisfies ToInside, server, () => server.close())
    try {
      await this.#ready.promise
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async ask(type: 'end' | 'begin', program: Restartable): Promise<void> {
    const id = this.#nextId++
    const asked = Promise.withResolvers<void>()
    this.#asked.set(id, asked)
    this.#send({ type, id, program })
    await asked.promise
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#send({ type: 'down' })
    await this.closed
  }

  #receive(message: FromInside, progress: (line: string) => void): void {
    switch (message.type) {
      case 'progress':
        progress(message.line)
        break
      case 'ready':
        this.#ready.resolve()
        break
      case 'done': {
        const asked = this.#asked.get(message.id)
        this.#asked.delete(message.id)
        if (message.error === undefined) asked?.resolve()
        else asked?.reject(new WeftError('kubernetes.ended', message.error))
        break
      }
      case 'failed':
        this.#failure ??= message.message
        this.#ready.reject(
          new WeftError('kubernetes.failed', `${message.message} (logs were in ${this.#logs})`),
        )
    }
  }

  #send(message: ToInside): void {
    if (this.#child.connected) this.#child.send(message)
  }
}
