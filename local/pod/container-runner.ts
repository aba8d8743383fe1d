import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { WeftError, describeError } from '../../core/errors.ts'
import type { ContainerSpec, ProbeSpec } from '../manifest/pod-spec.ts'
import { killGroup } from '../node/run-command.ts'
import type { RecordEvent } from './events.ts'
import { exitReason, outOfMemoryKills } from './exit-reason.ts'
import { perform } from './probe-actions.ts'
import type { ProbeTarget } from './probe-actions.ts'
import { ProbeTracker } from './probe-tracker.ts'
import type { ContainerState, ContainerStatus, Termination } from './pod-state.ts'
import { RestartBackoff } from './restart-backoff.ts'

export interface PreparedContainer {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** What may explain a run that fails. */
  readonly note?: string | undefined
}

export interface ContainerDeps {
  readonly kind: ContainerStatus['kind']
  readonly target: ProbeTarget
  readonly logFile: string
  /** Makes the command line and environment; throws when the container cannot be configured. */
  prepare(): Promise<PreparedContainer>
  /** Whether an exit with this code is followed by another start. */
  restarts(exitCode: number): boolean
  changed(): void
  readonly event: RecordEvent
  /** Tells people what happened; what the container waits for is in its state. */
  say(message: string): void
}

/** Bytes of the log that one run wrote; `to` is undefined for the run that is the last so far. */
export interface LogRange {
  readonly from: number
  readonly to: number | undefined
}

/** What keeps a container from being started, by the code of the error that said so; anything else: CreateContainerError. */
const CANNOT_START: Readonly<Record<string, string>> = {
  // No image is ever pulled here: so this is Kubernetes' own word for it.
  'local.unknown_image': 'ErrImageNeverPull',
  'local.container_config': 'CreateContainerConfigError',
  'local.field_ref': 'CreateContainerConfigError',
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
  #last: Termination | undefined
  #unhealthy: string | undefined
  /** Whether a SIGKILL of the present run is the cluster's own. */
  #killed = false
  #note: string | undefined
  #logs: readonly LogRange[] = []
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
      ...(this.#last ? { last: this.#last } : {}),
      ...(this.#unhealthy === undefined ? {} : { unhealthy: this.#unhealthy }),
    }
  }

  /** The part of the log that the last run wrote, or the one before it; undefined when there was none. */
  log(previous: boolean): LogRange | undefined {
    return this.#logs.at(previous ? -2 : -1)
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
    if (name === 'SIGKILL') this.#kill(pid)
    else process.kill(pid, name)
    return true
  }

  /** Tries at once again what could not be started for want of something that may have come. */
  retry(): void {
    if (this.#state.type === 'waiting' && this.#state.reason === 'CreateContainerConfigError') this.#wake?.()
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
      this.#state = { type: 'terminated', exitCode: 0, reason: 'Completed', finishedAt: Date.now() }
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
      if (this.pid === pid) this.#kill(pid)
    }, graceMs)
    void this.#exited?.then(() => clearTimeout(timer))
  }

  #kill(pid: number): void {
    this.#killed = true
    killGroup(pid)
  }

  #exited: Promise<number> | undefined

  async #supervise(): Promise<number> {
    for (;;) {
      const startedAt = Date.now()
      const kills = memoryKills()
      let ended: Termination | undefined
      try {
        this.#killed = false
        this.#exited = this.#start()
        const exitCode = await this.#exited
        const outOfMemory = !this.#killed && memoryKills() > kills
        ended = { exitCode, ...exitReason(exitCode, outOfMemory), startedAt, finishedAt: Date.now() }
      } catch (error) {
        this.#cannotStart(error)
      }
      this.#stopProbes()
      if (this.#stopping || (ended && !this.#deps.restarts(ended.exitCode))) return this.#terminated(ended)
      const waitMs = this.#backoff.next(Date.now() - startedAt)
      if (ended) this.#willRestart(ended, waitMs)
      await this.#pause(waitMs)
      if (this.#stopping) return this.#terminated(ended)
      if (ended) this.#restarts++
    }
  }

  #terminated(ended: Termination | undefined): number {
    const { last } = this.status
    const none = { exitCode: 0, reason: 'Completed', finishedAt: Date.now() }
    const termination = ended ?? last ?? none
    if (termination.exitCode !== 0 && !this.#stopping) {
      this.#failed(termination)
      this.#deps.say(ending(termination))
    }
    this.#change({ type: 'terminated', ...termination })
    return termination.exitCode
  }

  /** Waits for its next start; what it waits for at once is no state that anybody need see. */
  #willRestart(ended: Termination, waitMs: number): void {
    this.#last = ended
    if (ended.exitCode !== 0) this.#failed(ended)
    if (this.#held) this.#change({ type: 'waiting', reason: 'Held', message: ending(ended) })
    else if (waitMs === 0) this.#change({ type: 'terminated', ...ended })
    else {
      const { name } = this.spec
      this.#deps.event('Warning', 'BackOff', `back-off before container ${name} is started again`)
      const note = this.#note === undefined ? '' : `; ${this.#note}`
      const message = `the last run: ${ending(ended)}${note}`
      this.#change({ type: 'waiting', reason: 'CrashLoopBackOff', message })
    }
  }

  #failed(ended: Termination): void {
    this.#deps.event('Warning', 'Failed', `container ${this.spec.name}: ${ending(ended)}`)
  }

  #cannotStart(error: unknown): void {
    const reason = (error instanceof WeftError && CANNOT_START[error.code]) || 'CreateContainerError'
    const message = describeError(error)
    this.#deps.event('Warning', 'Failed', `container ${this.spec.name}: ${reason}: ${message}`)
    this.#change({ type: 'waiting', reason, message })
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
    const { argv, env, note } = await this.#deps.prepare()
    this.#note = note
    if (this.#stopping) return 0
    const log = openSync(this.#deps.logFile, 'a', 0o644)
    const from = fstatSync(log).size
    const earlier = this.#logs.at(-1)
    this.#logs = [...(earlier ? [{ ...earlier, to: from }] : []), { from, to: undefined }]
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
    this.#deps.event('Normal', 'Started', `started container ${this.spec.name}`)
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
      if (!passed) return this.#killUnhealthy('startup')
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
      this.#probe('liveness', livenessProbe, (passed) => passed || this.#killUnhealthy('liveness'))
    }
  }

  #killUnhealthy(kind: 'startup' | 'liveness'): false {
    const { name } = this.spec
    this.#deps.event(
      'Normal',
      'Killing',
      `container ${name} failed its ${kind} probe and will be started again`,
    )
    this.#deps.say(`Unhealthy: ${this.#unhealthy ?? `the ${kind} probe failed`}: it is started again`)
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
        this.#probed(kind, failure)
        if (tracker.record(failure === undefined) && !turned(failure === undefined)) return
      }
      const eager = kind !== 'liveness' && tracker.verdict !== true && failure !== undefined
      schedule(eager && this.#young() ? Math.min(EAGER_MS, periodMs) : periodMs)
    }
    schedule(spec.initialDelaySeconds * 1000)
  }

  #probed(kind: string, failure: string | undefined): void {
    const unhealthy = failure === undefined ? undefined : `the ${kind} probe failed: ${failure}`
    if (unhealthy !== undefined)
      this.#deps.event('Warning', 'Unhealthy', `container ${this.spec.name}: ${unhealthy}`)
    // One probe that succeeds says nothing of another that fails.
    else if (this.#unhealthy?.startsWith(`the ${kind} `) !== true) return
    this.#unhealthy = unhealthy
  }

  #young(): boolean {
    return this.#state.type === 'running' && Date.now() - this.#state.startedAt < EAGER_FOR_MS
  }

  #stopProbes(): void {
    for (const timer of this.#probeTimers) clearTimeout(timer)
    this.#probeTimers.clear()
    this.#started = false
    this.#ready = false
    this.#unhealthy = undefined
  }

  #change(state: ContainerState): void {
    this.#state = state
    this.#deps.changed()
  }
}

const EAGER_MS = 200
const EAGER_FOR_MS = 10_000

/** How a run ended, in a few words. */
function ending({ exitCode, reason, message }: Termination): string {
  return `${reason}, exit code ${exitCode}${message === undefined ? '' : ` (${message})`}`
}

function memoryKills(): number {
  try {
    return outOfMemoryKills(readFileSync('/proc/vmstat', 'utf8'))
  } catch {
    return 0
  }
}
