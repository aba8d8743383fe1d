import { Cron } from 'croner'
import type { Clock } from '../../core/clock.ts'
import type { CronJobObject, JobObject } from '../manifest/objects.ts'
import type { JobOutcome } from './job.ts'

/** What is known of one Job: undefined while it has not come to an end. */
export type OutcomeOf = (job: JobObject) => JobOutcome | undefined

/** Makes a Job whenever its schedule says so, as Kubernetes does (batch/v1): at most one for each minute. */
export class CronJobController {
  readonly cronJob: CronJobObject
  readonly #clock: Clock
  readonly #outcomeOf: OutcomeOf
  readonly #changed: () => void
  #jobs: readonly JobObject[] = []
  #cancel = () => {}

  constructor(cronJob: CronJobObject, clock: Clock, outcomeOf: OutcomeOf, changed: () => void) {
    this.cronJob = cronJob
    this.#clock = clock
    this.#outcomeOf = outcomeOf
    this.#changed = changed
    this.#await()
  }

  /** Those that run, and of those that ended as many as are to be kept. */
  get jobs(): readonly JobObject[] {
    const { keepSucceeded, keepFailed } = this.cronJob
    const ended = (complete: boolean) =>
      this.#jobs.filter((job) => {
        const outcome = this.#outcomeOf(job)
        return outcome !== undefined && (outcome === 'Complete') === complete
      })
    const forgotten = new Set([
      ...ended(true).slice(0, Math.max(0, ended(true).length - keepSucceeded)),
      ...ended(false).slice(0, Math.max(0, ended(false).length - keepFailed)),
    ])
    this.#jobs = this.#jobs.filter((job) => !forgotten.has(job))
    return this.#jobs
  }

  close(): void {
    this.#cancel()
  }

  #await(): void {
    const { schedule, timeZone, suspended } = this.cronJob
    if (suspended) return
    const cron = new Cron(schedule, {
      paused: true,
      mode: '5-part',
      ...(timeZone === undefined ? {} : { timezone: timeZone }),
    })
    const now = this.#clock.now()
    const next = cron.nextRun(new Date(now))?.getTime()
    if (next === undefined) return
    this.#cancel = this.#clock.after(next - now, () => {
      // A timer has a longest time; the next one goes on from there.
      if (this.#clock.now() >= next) this.#run(next)
      this.#await()
    })
  }

  #run(at: number): void {
    const { namespace, name, concurrency, job } = this.cronJob
    const active = this.#jobs.filter((one) => this.#outcomeOf(one) === undefined)
    if (concurrency === 'Forbid' && active.length > 0) return
    if (concurrency === 'Replace') this.#jobs = this.#jobs.filter((one) => !active.includes(one))
    this.#jobs = [...this.#jobs, { ...job, namespace, name: `${name}-${Math.floor(at / 60_000)}` }]
    this.#changed()
  }
}
