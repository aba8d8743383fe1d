import { X509Certificate } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricDescription, MetricFamily } from '../core/metrics/family.ts'
import { Counter, gauge, Histogram } from '../core/metrics/instruments.ts'
import { DELAY_METRICS, PROCESS_METRICS, processFamilies } from '../core/metrics/process-families.ts'

/** From the review's head to its answer. The API server waits for it whenever a pod is made. Seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5] as const

const ADMISSIONS = {
  name: 'weft.injector.admissions',
  unit: '{review}',
  type: 'counter',
  help: 'Reviews that were answered, by `weft_result` (`injected`, `untouched`, `refused`) and `weft_reason`.',
} as const
const DURATION = {
  name: 'weft.injector.admission.duration',
  unit: 's',
  type: 'histogram',
  help: 'How long an answer took, by `weft_result`.',
} as const
const EXPIRY = {
  name: 'weft.certificate.expiry',
  unit: 's',
  type: 'gauge',
  help: 'Until the certificate of the webhook ends, below 0 once it has; `weft_certificate` is `webhook`.',
} as const

/** All that the injector tells. */
export const INJECTOR_METRICS: readonly MetricDescription[] = [
  ADMISSIONS,
  DURATION,
  EXPIRY,
  ...PROCESS_METRICS,
  ...DELAY_METRICS,
]

/** What became of a review, and why: a reason of decide.ts, or why it could not be answered with a pod. */
export interface AdmissionOutcome {
  readonly result: 'injected' | 'untouched' | 'refused'
  readonly reason: string
}

/** What an injector counts. */
export class InjectorMetrics {
  readonly #admissions = new Counter(ADMISSIONS, ['weft.result', 'weft.reason'])
  readonly #durations = new Histogram(DURATION, BOUNDS, ['weft.result'])
  readonly #delays = monitorEventLoopDelay({ resolution: 20 })

  constructor() {
    this.#delays.enable()
  }

  /** A review was answered. Milliseconds. */
  admitted({ result, reason }: AdmissionOutcome, ms: number): void {
    this.#admissions.add([result, reason])
    this.#durations.observe(ms / 1000, [result])
  }

  /** No more is measured. */
  close(): void {
    this.#delays.disable()
  }

  /** `certificatePem`: of the webhook; `now` in milliseconds since the epoch. */
  families(certificatePem: string, now: number): readonly MetricFamily[] {
    const left = (Date.parse(new X509Certificate(certificatePem).validTo) - now) / 1000
    return [
      this.#admissions.family(),
      this.#durations.family(),
      gauge(EXPIRY, [[left, [['weft.certificate', 'webhook']]]]),
      ...processFamilies(this.#delays),
    ]
  }
}
