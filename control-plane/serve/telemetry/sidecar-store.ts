import type { Ejection } from '../../../core/api/sidecars.ts'
import { EJECTED_METRIC, MOST_EJECTED } from '../../../core/ejections.ts'
import type { NumberDataPoint } from '../../../core/xds/generated/otlp.js'
import { readAttributes, textOf } from './attributes.ts'
import type { GaugePoint } from './report-parts.ts'
import { serviceKey, type Reporter } from './reporter.ts'

/** What a sidecar last said of itself. Times are milliseconds since the epoch, null where it has not said. */
export interface SidecarReport {
  readonly namespace: string
  readonly pod: string
  readonly reportedAt: number
  readonly certificateEndsAt: number | null
  readonly rootEndsAt: number | null
  readonly configChangedAt: number | null
}

/** `catalog-1.shop` of the endpoint of a cluster, '' of one that is no pod; undefined: the mesh knows no such endpoint. */
export type EndpointOwner = (cluster: string, endpoint: string) => string | undefined

const METRICS: ReadonlySet<string> = new Set([EJECTED_METRIC, 'weft.certificate.expiry', 'weft.config.age'])
const ATTRIBUTES: ReadonlySet<string> = new Set([
  'weft.backend',
  'weft.endpoint',
  'weft.reason',
  'weft.certificate',
])
const REASON = /^[a-z-]{1,40}$/

/** Sidecars tell of ejections each second: one that was not told for so long is over. */
const EJECTION_MS = 5000
/** And of all else each 15 s: three reports that did not come. */
const REPORT_MS = 50_000
/** A thousand years: what is more is no time. */
const LONGEST_SECONDS = 31_557_600_000
const EXPIRE_EVERY_MS = 1000
/** Of a mesh of 5,000 pods four times as many. More are not taken. */
const MOST_SIDECARS = 20_000
const MOST_EJECTIONS = 10_000

/** Whether points of this gauge are taken here. */
export function isSidecarGauge(metric: string): boolean {
  return METRICS.has(metric)
}

/** How sidecars are, by their own reports: certificates, age of the configuration, and whom they have ejected. */
export class SidecarStore {
  /** By `namespace/pod`. */
  readonly #reports = new Map<string, SidecarReport>()
  /** By pod, cluster and endpoint, with when it was told last. */
  readonly #ejections = new Map<string, { readonly ejection: Ejection; readonly toldAt: number }>()
  readonly #ejectedBy = new Map<string, number>()
  readonly #ownerOf: EndpointOwner
  #expiredAt = 0

  constructor(ownerOf: EndpointOwner) {
    this.#ownerOf = ownerOf
  }

  /** Takes one point of a reporter's push; it speaks for its own pod alone. False: it was refused. */
  add({ metric, point }: GaugePoint, reporter: Reporter, now: number): boolean {
    if (!METRICS.has(metric)) return true
    const value = point && valueOf(point)
    if (value === undefined || !(Math.abs(value) <= LONGEST_SECONDS)) return false
    if (reporter.pod === '') return true
    this.#expire(now)
    const attributes = readAttributes(point?.attributes, ATTRIBUTES)
    if (metric === EJECTED_METRIC) {
      const cluster = textOf(attributes, 'weft.backend')
      const endpoint = textOf(attributes, 'weft.endpoint')
      return this.#ejected(
        { cluster, endpoint, reason: textOf(attributes, 'weft.reason'), value },
        reporter,
        now,
      )
    }
    const at = now + (metric === 'weft.config.age' ? -value : value) * 1000
    if (metric === 'weft.config.age') this.#report(reporter, now, { configChangedAt: at })
    else if (textOf(attributes, 'weft.certificate') === 'workload')
      this.#report(reporter, now, { certificateEndsAt: at })
    else if (textOf(attributes, 'weft.certificate') === 'root')
      this.#report(reporter, now, { rootEndsAt: at })
    return true
  }

  /** Of those that told something lately. */
  reports(now: number): readonly SidecarReport[] {
    this.#expire(now)
    return [...this.#reports.values()]
  }

  /** That are in force as far as was told. */
  ejections(now: number): readonly Ejection[] {
    this.#expire(now)
    return Array.from(this.#ejections.values(), ({ ejection }) => ejection)
  }

  #report({ namespace, pod }: Reporter, now: number, said: Partial<SidecarReport>): void {
    const key = `${namespace}/${pod}`
    const before = this.#reports.get(key)
    if (!before && this.#reports.size >= MOST_SIDECARS) return
    const nothing = { namespace, pod, certificateEndsAt: null, rootEndsAt: null, configChangedAt: null }
    this.#reports.set(key, { ...(before ?? nothing), ...said, reportedAt: now })
  }

  #ejected(
    said: {
      readonly cluster: string
      readonly endpoint: string
      readonly reason: string
      readonly value: number
    },
    reporter: Reporter,
    now: number,
  ): boolean {
    const { cluster, endpoint, reason, value } = said
    if (!REASON.test(reason) || value < 0) return false
    const pod = `${reporter.namespace}/${reporter.pod}`
    const key = JSON.stringify([pod, cluster, endpoint])
    const before = this.#ejections.get(key)
    const count = this.#ejectedBy.get(pod) ?? 0
    if (!before && (count >= MOST_EJECTED || this.#ejections.size >= MOST_EJECTIONS)) return true
    const workload = this.#ownerOf(cluster, endpoint)
    // It has left the mesh, or never was in it.
    if (workload === undefined) return true
    if (!before) this.#ejectedBy.set(pod, count + 1)
    const since = before?.ejection.since ?? now
    const until = now + value * 1000
    const caller = serviceKey(reporter)
    const ejection = { cluster, endpoint, workload, pod, caller, reason, until, since }
    this.#ejections.set(key, { ejection, toldAt: now })
    return true
  }

  #expire(now: number): void {
    if (now - this.#expiredAt < EXPIRE_EVERY_MS) return
    this.#expiredAt = now
    for (const [key, { reportedAt }] of this.#reports)
      if (now - reportedAt > REPORT_MS) this.#reports.delete(key)
    for (const [key, { ejection, toldAt }] of this.#ejections) {
      if (now - toldAt <= EJECTION_MS) continue
      const { pod } = ejection
      this.#ejections.delete(key)
      const left = (this.#ejectedBy.get(pod) ?? 1) - 1
      if (left > 0) this.#ejectedBy.set(pod, left)
      else this.#ejectedBy.delete(pod)
    }
  }
}

function valueOf({ asInt, asDouble }: NumberDataPoint): number | undefined {
  return asDouble ?? (asInt === undefined ? undefined : Number(asInt))
}
