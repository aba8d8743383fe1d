import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { canonical } from '../manifest/canonical.ts'
import { keyOf, workloadKey } from '../manifest/objects.ts'
import type { CronJobObject, JobObject, PodTemplate, Workload } from '../manifest/objects.ts'
import { CronJobController } from './cron-job.ts'
import { nodeTemplate, planDaemonSet } from './daemon-set.ts'
import { planDeployment } from './deployment.ts'
import { JobController } from './job.ts'
import type { JobOutcome } from './job.ts'
import type { OwnedPod } from './owned-pod.ts'
import { planStatefulSet } from './stateful-set.ts'
import { indexedTemplate, jobTemplate, ordinalTemplate } from './workload-template.ts'

export interface WorkloadPlan {
  readonly create: readonly { readonly name: string; readonly template: PodTemplate }[]
  readonly stop: readonly string[]
}

export interface WorkloadsDeps {
  readonly clock: Clock
  /** It is time to plan again. */
  changed(): void
  /** Names of the nodes that pods of this template may come to now. */
  nodesFor(template: PodTemplate): readonly string[]
  /** A Job has come to an end. */
  ended(job: JobObject, outcome: JobOutcome): void
}

/** The controllers of everything that makes pods; what is to be done now follows from what is there. */
export class Workloads {
  readonly #deps: WorkloadsDeps
  readonly #jobs = new Map<string, JobController>()
  readonly #cronJobs = new Map<string, CronJobController>()

  constructor(deps: WorkloadsDeps) {
    this.#deps = deps
  }

  /** Those that the manifests ask for, with the Jobs that CronJobs made; controllers of all others are let go. */
  current(wanted: ReadonlyMap<string, Workload>, cronJobs: ReadonlyMap<string, CronJobObject>): Workload[] {
    for (const [key, controller] of this.#cronJobs) {
      const cronJob = cronJobs.get(key)
      if (cronJob && canonical(cronJob) === canonical(controller.cronJob)) continue
      controller.close()
      this.#cronJobs.delete(key)
    }
    for (const [key, cronJob] of cronJobs) {
      if (this.#cronJobs.has(key)) continue
      const outcomeOf = (job: JobObject) => this.#jobs.get(workloadKey(job))?.outcome
      const changed = () => this.#deps.changed()
      this.#cronJobs.set(key, new CronJobController(cronJob, this.#deps.clock, outcomeOf, changed))
    }
    const all = [...wanted.values(), ...[...this.#cronJobs.values()].flatMap(({ jobs }) => jobs)]
    const keys = new Set(all.map(workloadKey))
    for (const [key, controller] of this.#jobs) {
      if (keys.has(key)) continue
      controller.close()
      this.#jobs.delete(key)
    }
    return all
  }

  plan(workload: Workload, pods: readonly OwnedPod[]): WorkloadPlan {
    const { hash } = workload.template
    switch (workload.kind) {
      case 'StatefulSet': {
        const { create, stop } = planStatefulSet({ ...workload, hash }, pods)
        const made = create.map((ordinal) => ({
          name: `${workload.name}-${ordinal}`,
          template: ordinalTemplate(workload, ordinal),
        }))
        return { create: made, stop }
      }
      case 'Job':
        return this.#planJob(workload, pods)
      case 'DaemonSet': {
        const { create, stop } = planDaemonSet(hash, this.#deps.nodesFor(workload.template), pods)
        const made = create.map((node) => ({
          name: `${workload.name}-${hash}-${suffix()}`,
          template: nodeTemplate(workload.template, node),
        }))
        return { create: made, stop }
      }
      case 'Deployment':
      case 'ReplicaSet': {
        const { create, stop } = planDeployment({ ...workload, hash }, pods)
        const made = Array.from({ length: create }, () => ({
          name: `${workload.name}-${hash}-${suffix()}`,
          template: workload.template,
        }))
        return { create: made, stop }
      }
    }
  }

  close(): void {
    for (const controller of [...this.#jobs.values(), ...this.#cronJobs.values()]) controller.close()
  }

  #planJob(job: JobObject, pods: readonly OwnedPod[]): WorkloadPlan {
    const key = workloadKey(job)
    let controller = this.#jobs.get(key)
    // In Kubernetes its template may not change; here that is another run.
    if (controller?.hash !== job.template.hash) {
      controller?.close()
      controller = new JobController(job, this.#deps.clock, () => this.#deps.changed())
      this.#jobs.set(key, controller)
    }
    const before = controller.outcome
    const own = pods.filter((pod) => pod.hash === job.template.hash)
    const { create, stop } = controller.plan(own.map((pod) => ({ ...pod, index: indexOf(job, pod.name) })))
    if (!before && controller.outcome) this.#deps.ended(job, controller.outcome)
    return {
      create: create.map((index) => ({
        name: job.indexed ? `${job.name}-${index}-${suffix()}` : `${job.name}-${suffix()}`,
        template: job.indexed ? indexedTemplate(job, index) : jobTemplate(job),
      })),
      stop: [...stop, ...pods.filter((pod) => !own.includes(pod)).map((pod) => pod.name)],
    }
  }
}

/** The number in the name of an indexed Job's pod; -1 without one. */
function indexOf(job: JobObject, pod: string): number {
  return job.indexed ? Number(pod.slice(job.name.length + 1).split('-')[0]) : -1
}

function suffix(): string {
  return randomBytes(3).toString('hex').slice(0, 5)
}

/** `namespace/name` of what made a pod. */
export function ownerKey(namespace: string, owner: { readonly kind: string; readonly name: string }): string {
  return `${owner.kind} ${keyOf({ namespace, name: owner.name })}`
}
