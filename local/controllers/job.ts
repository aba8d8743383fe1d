import type { Clock } from '../../core/clock.ts'
import type { JobObject } from '../manifest/objects.ts'
import type { OwnedPod } from './owned-pod.ts'

export type JobOutcome = 'Complete' | 'BackoffLimitExceeded' | 'DeadlineExceeded'

export interface JobPlan {
  /** How many pods to create now, or with `indexed` the numbers of those. */
  readonly create: readonly number[]
  readonly stop: readonly string[]
}

const FIRST_MS = 1000
const LONGEST_MS = 60_000

/**
 * Runs one Job to its end: keeps as many pods as it asks for until enough of them have succeeded, makes another one for
 * each that fails, after 1, 2, 4 ... 60 s (Kubernetes: 10 s to 6 min), and gives up at its limits. What it came to
 * stays, whatever becomes of its pods. Source: Kubernetes API, batch/v1.
 */
export class JobController {
  readonly #job: JobObject
  readonly #clock: Clock
  readonly #changed: () => void
  readonly #startedAt: number
  #failures = 0
  #nextAt = 0
  #outcome: JobOutcome | undefined
  #cancel = () => {}

  constructor(job: JobObject, clock: Clock, changed: () => void) {
    this.#job = job
    this.#clock = clock
    this.#changed = changed
    this.#startedAt = clock.now()
    this.#nextAt = this.#startedAt
  }

  /** Of the template that it runs: another one is another Job. */
  get hash(): string {
    return this.#job.template.hash
  }

  get outcome(): JobOutcome | undefined {
    return this.#outcome
  }

  close(): void {
    this.#cancel()
  }

  /** The next step; called again after every change of a pod, and by `changed` when it is time. */
  plan(pods: readonly (OwnedPod & { readonly index: number })[]): JobPlan {
    const job = this.#job
    const active = pods.filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed')
    const living = active.filter((pod) => !pod.terminating)
    const succeeded = pods.filter(({ phase }) => phase === 'Succeeded')
    const done = job.indexed ? new Set(succeeded.map((pod) => pod.index)).size : succeeded.length
    this.#count(pods)
    this.#cancel()
    const now = this.#clock.now()
    const endsAt = this.#startedAt + (job.deadlineSeconds ?? Number.POSITIVE_INFINITY) * 1000
    if (!this.#outcome && done >= job.completions) this.#outcome = 'Complete'
    if (!this.#outcome && this.#failures > job.backoffLimit) this.#outcome = 'BackoffLimitExceeded'
    if (!this.#outcome && now >= endsAt) this.#outcome = 'DeadlineExceeded'
    if (this.#outcome || job.suspended) return { create: [], stop: living.map((pod) => pod.name) }

    const missing = Math.min(job.parallelism, job.completions - done) - active.length
    const wakeAt = Math.min(endsAt, missing > 0 && now < this.#nextAt ? this.#nextAt : endsAt)
    if (Number.isFinite(wakeAt)) this.#cancel = this.#clock.after(wakeAt - now, this.#changed)
    if (missing <= 0 || now < this.#nextAt) return { create: [], stop: [] }
    const taken = new Set([...active, ...succeeded].map((pod) => pod.index))
    const free = Array.from({ length: job.completions }, (_, index) => index).filter((one) => !taken.has(one))
    return { create: job.indexed ? free.slice(0, missing) : Array<number>(missing).fill(-1), stop: [] }
  }

  /** Failed pods, and with restartPolicy OnFailure the restarts in a pod. */
  #count(pods: readonly OwnedPod[]): void {
    const failed = pods.filter(({ phase }) => phase === 'Failed').length
    const restarts = pods.reduce((sum, pod) => sum + pod.restarts, 0)
    if (failed + restarts <= this.#failures) return
    this.#failures = failed + restarts
    this.#nextAt = this.#clock.now() + Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#failures - 1))
  }
}
