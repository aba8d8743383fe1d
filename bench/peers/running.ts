import { spawn, type ChildProcess } from 'node:child_process'
import { WeftError } from '../../core/errors.ts'
import { processTree } from '../../e2e/programs/process-usage.ts'
import { takesConnections } from '../../e2e/programs/takes-connections.ts'
import { pinned } from '../measure/cores.ts'
import type { ProxyProcess } from './peer.ts'

const READY_MS = 15_000
const KEPT = 4000

/** A proxy's process. */
export class RunningProxy {
  /** From exec to the first connection that it takes, milliseconds. */
  readyMs = 0
  readonly #spec: ProxyProcess
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  #gone = false
  #said = ''

  constructor(spec: ProxyProcess, cpu: number | undefined) {
    this.#spec = spec
    const [command, ...rest] = pinned(spec.argv, cpu) as [string, ...string[]]
    this.#child = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...spec.env },
    })
    const keep = (chunk: Buffer): void => {
      this.#said = (this.#said + chunk.toString()).slice(-KEPT)
    }
    this.#child.stdout?.on('data', keep)
    this.#child.stderr?.on('data', keep)
    this.#exited = new Promise((resolve) => {
      const gone = (): void => {
        this.#gone = true
        resolve()
      }
      this.#child.once('exit', gone)
      this.#child.once('error', (error) => {
        this.#said += error.message
        gone()
      })
    })
  }

  /** Its process and those that it started. */
  get pids(): number[] {
    return this.#child.pid === undefined ? [] : processTree(this.#child.pid)
  }

  /** Resolves once it takes connections. Rejects with WeftError `bench.proxy` and what it said last. */
  async ready(): Promise<void> {
    const began = performance.now()
    while (!(await takesConnections(this.#spec.port))) {
      if (this.#gone) throw this.#failure('ended')
      if (performance.now() - began > READY_MS) throw this.#failure('does not listen')
    }
    this.readyMs = performance.now() - began
  }

  /** Asks it to end, and makes it after 3 s. */
  async stop(): Promise<void> {
    if (this.#gone) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
    await this.#exited
    clearTimeout(timer)
  }

  #failure(what: string): WeftError {
    const said = this.#said.trim().split('\n').slice(-3).join(' | ')
    return new WeftError('bench.proxy', `it ${what}: ${said || 'it said nothing'}`)
  }
}

/** Starts what a plan says, the server's sidecar first. All are stopped when one fails. */
export async function startAll(
  specs: readonly ProxyProcess[],
  cpu: number | undefined,
): Promise<RunningProxy[]> {
  const running: RunningProxy[] = []
  try {
    for (const spec of specs.toReversed()) {
      const proxy = new RunningProxy(spec, cpu)
      running.unshift(proxy)
      await proxy.ready()
    }
    return running
  } catch (error) {
    await Promise.all(running.map((proxy) => proxy.stop()))
    throw error
  }
}
