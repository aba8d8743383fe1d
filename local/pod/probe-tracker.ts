import type { ProbeSpec } from '../manifest/pod-spec.ts'

/** Counts results of a probe until a threshold turns its verdict. Source: Kubernetes, Probe v1. */
export class ProbeTracker {
  readonly #successThreshold: number
  readonly #failureThreshold: number
  #verdict: boolean | undefined
  #streak = 0
  #last: boolean | undefined

  constructor(spec: Pick<ProbeSpec, 'successThreshold' | 'failureThreshold'>) {
    this.#successThreshold = spec.successThreshold
    this.#failureThreshold = spec.failureThreshold
  }

  /** The verdict so far; undefined before a threshold was reached. */
  get verdict(): boolean | undefined {
    return this.#verdict
  }

  /** Takes one result; true when it turned the verdict. */
  record(success: boolean): boolean {
    this.#streak = success === this.#last ? this.#streak + 1 : 1
    this.#last = success
    const needed = success ? this.#successThreshold : this.#failureThreshold
    if (this.#verdict === success || this.#streak < needed) return false
    this.#verdict = success
    return true
  }
}
