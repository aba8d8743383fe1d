import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import type { ContainerSpec, ProbeSpec } from '../manifest/pod-spec.ts'
import { killGroup } from '../node/run-command.ts'
import { perform } from './probe-actions.ts'
import type { ProbeTarget } from './probe-actions.ts'
import { ProbeTracker } from './probe-tracker.ts'
import type { ContainerState, ContainerStatus } from './pod-state.ts'
import { RestartBackoff } from './restart-backoff.ts'

export interface ContainerDeps {
  readonly kind: ContainerStatus['kind']
  readonly target: ProbeTarget
  readonly logFile: string
  /** Makes the command line and environment; throws when the container cannot be configured. */
  prepare(): Promise<{ argv: readonly string[]; env: Record<string, string> }>
  /** Whether an exit with this code is followed by another start. */
  restarts(exitCode: number): boolean
  changed(): void
}

/** Runs one container: starts it, probes it, starts it again, stops it. */
export class ContainerRunner {
  readonly spec: ContainerSpec
  readonly #deps: ContainerDeps
  readonly #backoff = new RestartBackoff()
  #state: ContainerState = { type: 'waiting', reason: 'PodInitializing' }
  #restarts = 0
  #started = false
  #ready = false
  #stopping = false
  #held = false
  #wake: (() => void) | undefined
  #done: Promise<number> | undefined
  #probeTimers = new Set<NodeJS.Timeout>()

  constructor(spec: ContainerSpec, deps: ContainerDeps) {
    this.spec = spec
    this.#deps = deps
  }

  get status(): ContainerStatus {
    return {
      name: this.spec.name,
      kind: this.#deps.kind,
      image: this.spec.image,
      state: this.#state,
      started: this.#started,
      ready: this.#ready,
      restarts: this.#restarts,
    }
  }

  get pid(): number | undefined {
    return this.#state.type === 'running' ? this.#state.pid : undefined
  }

  /** Starts and supervises it; resolves with the last exit code once it will not start again. */
  run(): Promise<number> {
    this.#done ??= this.#supervise()
    return this.#done
  }

  /** Whether the container was started and, with a startup probe, has passed it. */
  get started(): boolean {
    return this.#started
  }

  /** Sends a signal to the container's process; false when none runs. */
  signal(name: NodeJS.Signals): boolean {
    const { pid } = this
    if (pid === undefined) return false
    if (name === 'SIGKILL') killGroup(pid)
    else process.kill(pid, name)
    return true
  }

  /** While held, a container that ended is not started again. */
  hold(held: boolean): void {
    this.#held = held
    if (!held) this.#wake?.()
  }

  /** Ends the process in order and starts it again at once, without back-off. */
  restart(graceMs: number): void {
    this.#backoff.reset()
    if (this.#state.type === 'running') this.#terminate(graceMs)
    else this.#wake?.()
  }

  /** SIGTERM, after `graceMs` SIGKILL; resolves once it has gone for good. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#ready = false
    this.#wake?.()
    if (!this.#done) {
      this.#state = { type: 'terminated', exitCode: 0, finishedAt: Date.now() }
      return
    }
    this.#terminate(graceMs)
    await this.#done
  }

  #terminate(graceMs: number): void {
    const { pid } = this
    if (pid === undefined) return
    if (graceMs <= 0) {
      this.signal('SIGKILL')
      return
    }
    this.signal('SIGTERM')
    const timer = setTimeout(() => {
      if (this.pid === pid) killGroup(pid)
    }, graceMs)
    void this.#exited?.then(() => clearTimeout(timer))
  }

  #exited: Promise<number> | undefined

  async #supervise(): Promise<number> {
    for (;;) {
      let exitCode: number
      const startedAt = Date.now()
      try {
        this.#exited = this.#start()
        exitCode = await this.#exited
      } catch (error) {
        exitCode = 128
        const message = error instanceof Error ? error.message : String(error)
        this.#change({ type: 'waiting', reason: 'CreateContainerConfigError', message })
      }
      this.#stopProbes()
      if (this.#stopping || !this.#deps.restarts(exitCode)) {
        this.#change({ type: 'terminated', exitCode, finishedAt: Date.now() })
        return exitCode
      }
      const waitMs = this.#backoff.next(Date.now() - startedAt)
      if (this.#state.type !== 'waiting') {
        const reason = this.#held ? 'Held' : waitMs === 0 ? 'Restarting' : 'CrashLoopBackOff'
        this.#change({ type: 'waiting', reason, message: `exit code ${exitCode}` })
      }
      await this.#pause(waitMs)
      if (this.#stopping) {
        this.#change({ type: 'terminated', exitCode, finishedAt: Date.now() })
        return exitCode
      }
      this.#restarts++
    }
  }

  async #pause(ms: number): Promise<void> {
    let waitMs = ms
    do {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        if (!this.#held) setTimeout(resolve, waitMs)
      })
      this.#wake = undefined
      waitMs = 0
    } while (this.#held && !this.#stopping)
  }

  async #start(): Promise<number> {
    const { argv, env } = await this.#deps.prepare()
    if (this.#stopping) return 0
    const log = openSync(this.#deps.logFile, 'a', 0o644)
    const [program = '', ...args] = argv
    const child = spawn(program, args, { stdio: ['ignore', log, log], env, cwd: '/', detached: true })
    closeSync(log)
    const exited = new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code, signal) => {
        // What the container left behind in its own process group goes with it.
        if (child.pid !== undefined) killGroup(child.pid)
        resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
      })
    })
    if (child.pid === undefined) return exited
    this.#started = this.spec.startupProbe === undefined
    this.#ready = this.#started && this.spec.readinessProbe === undefined
    this.#change({ type: 'running', startedAt: Date.now(), pid: child.pid })
    this.#startProbes()
    return exited
  }

  #startProbes(): void {
    const { startupProbe } = this.spec
    if (!startupProbe) {
      this.#startLaterProbes()
      return
    }
    this.#probe('startup', startupProbe, (passed) => {
      if (!passed) return this.#killUnhealthy()
      this.#started = true
      this.#ready = this.spec.readinessProbe === undefined
      this.#deps.changed()
      this.#startLaterProbes()
      return false
    })
  }

  #startLaterProbes(): void {
    const { readinessProbe, livenessProbe } = this.spec
    if (readinessProbe) {
      this.#probe('readiness', readinessProbe, (passed) => {
        this.#ready = passed
        this.#deps.changed()
        return true
      })
    }
    if (livenessProbe) {
      this.#probe('liveness', livenessProbe, (passed) => passed || this.#killUnhealthy())
    }
  }

  #killUnhealthy(): false {
    this.#terminate(3000)
    return false
  }

  /** `turned` hears of each change of verdict and says whether to go on. */
  #probe(
    kind: 'startup' | 'readiness' | 'liveness',
    spec: ProbeSpec,
    turned: (passed: boolean) => boolean,
  ): void {
    const tracker = new ProbeTracker(spec)
    const run = this.#exited
    const { pid } = this
    const periodMs = spec.periodSeconds * 1000
    let countedAt = Date.now()
    const schedule = (ms: number) => {
      const timer = setTimeout(() => {
        this.#probeTimers.delete(timer)
        void once()
      }, ms)
      this.#probeTimers.add(timer)
    }
    const once = async () => {
      const failure = await perform(spec.action, this.#deps.target, spec.timeoutSeconds * 1000)
      if (this.pid !== pid || this.#stopping || run !== this.#exited) return
      // Kubernetes asks once a period; until it first succeeds we ask more often, so that starts are quick.
      // Failures still count once a period only.
      const early = failure !== undefined && Date.now() - countedAt < periodMs
      if (!early) {
        countedAt = Date.now()
        if (tracker.record(failure === undefined) && !turned(failure === undefined)) return
      }
      const eager = kind !== 'liveness' && tracker.verdict !== true && failure !== undefined
      schedule(eager && this.#young() ? Math.min(EAGER_MS, periodMs) : periodMs)
    }
    schedule(spec.initialDelaySeconds * 1000)
  }

  #young(): boolean {
    return this.#state.type === 'running' && Date.now() - this.#state.startedAt < EAGER_FOR_MS
  }

  #stopProbes(): void {
    for (const timer of this.#probeTimers) clearTimeout(timer)
    this.#probeTimers.clear()
    this.#started = false
    this.#ready = false
  }

  #change(state: ContainerState): void {
    this.#state = state
    this.#deps.changed()
  }
}

const EAGER_MS = 200
const EAGER_FOR_MS = 10_000
