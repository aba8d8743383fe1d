import { containerTrouble } from '../control/pod-word.ts'
import type { ContainerStatus } from '../pod/pod-state.ts'

/** How long a container must run after a crash before it counts as mended; milliseconds. */
const STEADY_MS = 10_000

/** Why containers do not get on. One that crashes again and again runs in between: that mends nothing. */
export class CrashLoops {
  /** By pod and container: what was said of it while it waited for its next start. */
  readonly #crashed = new Map<string, string>()

  /** Why a container of the pod `namespace/name` waits; undefined when it does not, as far as is known at `now`. */
  reason(pod: string, container: ContainerStatus, now: number): string | undefined {
    const { state, name } = container
    const key = `${pod}/${name}`
    if (state.type === 'waiting') {
      // That its image can't run was told before it started, at its field.
      const why = state.reason === 'ErrImageNeverPull' ? undefined : containerTrouble(container)
      if (why !== undefined && state.reason === 'CrashLoopBackOff') this.#crashed.set(key, why)
      else this.#crashed.delete(key)
      return why
    }
    const mended = state.type === 'running' ? now - state.startedAt >= STEADY_MS : state.exitCode === 0
    if (mended) this.#crashed.delete(key)
    return this.#crashed.get(key)
  }

  /** Whether some container is only to be believed once it has run for longer: then it must be asked for again. */
  get undecided(): boolean {
    return this.#crashed.size > 0
  }

  /** Forgets the pods that are not among `there`. */
  keep(there: ReadonlySet<string>): void {
    for (const key of this.#crashed.keys())
      if (!there.has(key.slice(0, key.lastIndexOf('/')))) this.#crashed.delete(key)
  }
}
