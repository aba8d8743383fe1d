import {
  CALL_OUTCOMES,
  CALL_PROTOCOLS,
  coversPath,
  OBSERVED_ATTRIBUTES,
  sameCaller,
  type ObservedCall,
} from '../../../core/observed-calls.ts'
import type { KeyValue } from '../../../core/xds/generated/otlp.js'
import type { OwnerOfAddress } from './address-owners.ts'
import { numberOf, readAttributes, textOf } from './attributes.ts'
import { FairBudget, type Owner, type Shares } from './fair-budget.ts'
import type { ReportedNumber } from './report-parts.ts'
import { serviceKey, type Reporter } from './reporter.ts'

const MIB = 1024 * 1024
const HOUR_MS = 3_600_000
/** What is remembered, in whole hours beyond that in which it began. */
export const OBSERVED_HOURS = 24
const EXPIRE_EVERY_MS = 60_000
const LONGEST_LIFE_MS = 366 * 24 * HOUR_MS
/** A pod has 1,000 series of some 600 bytes at most. */
export const OBSERVED_SHARES: Shares = { perPod: MIB, perNamespace: 16 * MIB, total: 32 * MIB }

const ATTRIBUTES: ReadonlySet<string> = new Set(Object.values(OBSERVED_ATTRIBUTES))

/** A kind of call as one pod's sidecar counts it. */
export interface ObservedSeries {
  readonly owner: Owner
  /** `catalog.shop`: by whose name in telemetry the pod goes. */
  readonly workload: string
  readonly call: ObservedCall
  /** `pod.namespace` that had the call's address whenever calls were told of; '' where none is known, or where several had it. */
  readonly caller: string
  readonly firstMs: number
  readonly lastMs: number
  /** Calls since then; those of the hour in which that is count as a whole. */
  count(sinceMs: number): number
}

/** What a sidecar says of its own watching. */
export interface WatchedPod {
  readonly owner: Owner
  readonly workload: string
  /** When the sidecar that counts now began. Milliseconds since the epoch. */
  readonly sinceMs: number
  /** Since when the pod is watched, by sidecars that we knew. */
  readonly firstMs: number
  reportedMs: number
  /** How often a sidecar began anew in the pod: what it had counted since its last report is lost. */
  readonly restarts: number
  /** Calls that found no room in the sidecar. */
  readonly others: number
}

/**
 * What sidecars saw of those who call their pods, for a day, in bounded memory. A sidecar tells all that it counted since it
 * began, so that a control plane that begins anew has all of it again.
 */
export class ObservedStore {
  /** Series that were forgotten before their time, because there were too many. */
  evicted = 0
  /** Points that were malformed. */
  refused = 0
  readonly #series = new Map<string, Series>()
  /** Keys of a pod's series, by `namespace/pod`. */
  readonly #ofPod = new Map<string, Set<string>>()
  readonly #pods = new Map<string, PodWatch>()
  readonly #budget: FairBudget
  readonly #ownerOf: OwnerOfAddress
  #expiredAt = 0

  /** `ownerOf`: an address may be another pod's by the time that somebody asks who called. */
  constructor(ownerOf: OwnerOfAddress, shares: Shares = OBSERVED_SHARES) {
    this.#ownerOf = ownerOf
    this.#budget = new FairBudget(shares, (_, key) => {
      this.evicted++
      this.#forget(key)
    })
  }

  /** Estimated. */
  get bytes(): number {
    return this.#budget.size
  }

  get size(): number {
    return this.#series.size
  }

  /** Series of a namespace, or all. */
  *series(namespace?: string): Generator<ObservedSeries> {
    for (const one of this.#series.values())
      if (namespace === undefined || one.owner.namespace === namespace) yield one
  }

  *pods(namespace?: string): Generator<WatchedPod> {
    for (const one of this.#pods.values())
      if (namespace === undefined || one.owner.namespace === namespace) yield one
  }

  /** Takes one point of a reporter. False: it was refused. */
  add({ temporality, point }: ReportedNumber, reporter: Reporter, now: number): boolean {
    if (now - this.#expiredAt > EXPIRE_EVERY_MS) this.#expire(now)
    // Only a pod is called by anybody.
    if (reporter.pod === '') return true
    const count = Number(point?.asInt ?? -1n)
    const startTime = point?.startTimeUnixNano ?? 0n
    const attributes = readAttributes(point?.attributes, ATTRIBUTES)
    const overflow = attributes[OBSERVED_ATTRIBUTES.overflow] === true
    const call = callOf(point?.attributes)
    if (
      temporality !== 'AGGREGATION_TEMPORALITY_CUMULATIVE' ||
      !Number.isSafeInteger(count) ||
      count < 0 ||
      !(call || overflow)
    ) {
      this.refused++
      return false
    }
    // Clocks may differ: nothing is seen in the future, nor for longer than a sidecar runs.
    const lastMs = Math.min(Number((point?.timeUnixNano ?? 0n) / 1_000_000n), now)
    const firstMs = Math.max(Math.min(Number(startTime / 1_000_000n), lastMs), now - LONGEST_LIFE_MS)
    if (call) {
      const caller = call.address === '' ? '' : this.#ownerOf(call.address)
      this.#count(call, reporter, { startTime, count, firstMs, lastMs, now, caller })
    } else this.#watch(reporter, firstMs, count, now)
    return true
  }

  #watch(reporter: Reporter, sinceMs: number, others: number, now: number): void {
    const key = `${reporter.namespace}/${reporter.pod}`
    const known = this.#pods.get(key)
    const began = known !== undefined && known.sinceMs !== sinceMs
    this.#pods.set(key, {
      owner: { namespace: reporter.namespace, pod: reporter.pod },
      workload: serviceKey(reporter),
      sinceMs,
      firstMs: Math.min(known?.firstMs ?? sinceMs, sinceMs),
      reportedMs: now,
      restarts: (known?.restarts ?? 0) + (began ? 1 : 0),
      others: others + (began ? known.others : (known?.others ?? 0) - (known?.ownOthers ?? 0)),
      ownOthers: others,
    })
  }

  #count(call: ObservedCall, reporter: Reporter, said: Said): void {
    const owner = { namespace: reporter.namespace, pod: reporter.pod }
    const key = JSON.stringify([owner.namespace, owner.pod, ...Object.values(call)])
    const known = this.#series.get(key)
    const series = known ?? new Series(owner, serviceKey(reporter), call, said)
    // What was told of paths that are now found to be of one template is told again in its count.
    if (!known && call.path.includes('{'))
      for (const narrower of this.#coveredBy(series)) series.absorb(narrower)
    series.take(said)
    if (!known) {
      this.#series.set(key, series)
      const podKey = `${owner.namespace}/${owner.pod}`
      const ofPod = this.#ofPod.get(podKey) ?? new Set()
      this.#ofPod.set(podKey, ofPod.add(key))
    }
    this.#budget.hold(owner, key, 400 + 4 * key.length + series.bytes)
    const watched = this.#pods.get(`${owner.namespace}/${owner.pod}`)
    if (watched) watched.reportedMs = said.now
  }

  /** Takes them out. */
  *#coveredBy({ owner, call }: Series): Generator<Series> {
    const { path, ...rest } = call
    for (const key of this.#ofPod.get(`${owner.namespace}/${owner.pod}`) ?? []) {
      const other = this.#series.get(key)
      if (!other || !coversPath(path, other.call.path)) continue
      if (Object.entries(rest).some(([name, value]) => other.call[name as keyof ObservedCall] !== value))
        continue
      this.#forget(key)
      this.#budget.release(owner, key)
      yield other
    }
  }

  #forget(key: string): void {
    const series = this.#series.get(key)
    if (!series) return
    this.#series.delete(key)
    const podKey = `${series.owner.namespace}/${series.owner.pod}`
    const ofPod = this.#ofPod.get(podKey)
    ofPod?.delete(key)
    if (ofPod?.size === 0) this.#ofPod.delete(podKey)
  }

  #expire(now: number): void {
    this.#expiredAt = now
    const oldest = now - (OBSERVED_HOURS + 1) * HOUR_MS
    for (const [key, series] of this.#series) {
      if (series.lastMs >= oldest) continue
      this.#forget(key)
      this.#budget.release(series.owner, key)
    }
    for (const [key, pod] of this.#pods) if (pod.reportedMs < oldest) this.#pods.delete(key)
  }
}

interface PodWatch extends WatchedPod {
  /** Of the sidecar that counts now. */
  readonly ownOthers: number
}

interface Said {
  readonly startTime: bigint
  readonly count: number
  readonly firstMs: number
  readonly lastMs: number
  readonly now: number
  readonly caller: string
}

class Series implements ObservedSeries {
  readonly owner: Owner
  readonly workload: string
  readonly call: ObservedCall
  caller: string
  firstMs: number
  lastMs: number
  #startTime: bigint
  /** What the sidecar said last. */
  #told = 0
  /** Pairs of an hour and how often in it, the oldest first. */
  #hours: number[] = []

  constructor(owner: Owner, workload: string, call: ObservedCall, said: Said) {
    const { startTime, firstMs, lastMs, caller } = said
    this.owner = owner
    this.workload = workload
    this.call = call
    this.caller = caller
    this.firstMs = firstMs
    this.lastMs = lastMs
    this.#startTime = startTime
  }

  get bytes(): number {
    return 8 * this.#hours.length
  }

  count(sinceMs: number): number {
    const first = Math.floor(sinceMs / HOUR_MS)
    let sum = 0
    for (let i = 0; i < this.#hours.length; i += 2)
      if ((this.#hours[i] as number) >= first) sum += this.#hours[i + 1] as number
    return Math.round(sum)
  }

  take({ startTime, count, firstMs, lastMs, now, caller }: Said): void {
    // OTLP: another start, or a count that went back, say that the reporter began anew. A template that took others in
    // may begin earlier than it did, and goes on.
    const anew = count < this.#told || startTime > this.#startTime
    const increase = anew ? count : count - this.#told
    const began = anew || this.#told === 0 ? firstMs : this.lastMs
    this.#startTime = startTime
    this.#told = count
    this.firstMs = Math.min(this.firstMs, firstMs)
    this.lastMs = Math.max(this.lastMs, lastMs)
    if (increase > 0) {
      this.caller = sameCaller(this.caller, caller)
      this.#spread(increase, began, lastMs)
    }
    const oldest = Math.floor(now / HOUR_MS) - OBSERVED_HOURS
    while (this.#hours.length > 0 && (this.#hours[0] as number) < oldest) this.#hours.splice(0, 2)
  }

  /** What a narrower series of the same sidecar was told of. */
  absorb(other: Series): void {
    this.#told += other.#told
    this.caller = sameCaller(this.caller, other.caller)
    this.firstMs = Math.min(this.firstMs, other.firstMs)
    if (other.#startTime < this.#startTime) this.#startTime = other.#startTime
    for (let i = 0; i < other.#hours.length; i += 2)
      this.#add(other.#hours[i] as number, other.#hours[i + 1] as number)
  }

  /** Evenly over the time, of which only the last day is kept. */
  #spread(increase: number, fromMs: number, toMs: number): void {
    const last = Math.floor(toMs / HOUR_MS)
    const length = Math.max(toMs - fromMs, 1)
    for (let hour = Math.max(Math.floor(fromMs / HOUR_MS), last - OBSERVED_HOURS); hour <= last; hour++) {
      const begin = Math.max(fromMs, hour * HOUR_MS)
      const end = Math.min(toMs, (hour + 1) * HOUR_MS)
      this.#add(hour, toMs <= fromMs ? increase : (increase * Math.max(end - begin, 0)) / length)
    }
  }

  #add(hour: number, count: number): void {
    if (count === 0) return
    let at = this.#hours.length
    while (at > 0 && (this.#hours[at - 2] as number) > hour) at -= 2
    if (at > 0 && this.#hours[at - 2] === hour) this.#hours[at - 1] = (this.#hours[at - 1] as number) + count
    else this.#hours.splice(at, 0, hour, count)
  }
}

/** Undefined: it lacks something, or says what nobody can see. */
function callOf(list: readonly KeyValue[] | undefined): ObservedCall | undefined {
  const attributes = readAttributes(list, ATTRIBUTES)
  const text = (name: keyof typeof OBSERVED_ATTRIBUTES): string =>
    textOf(attributes, OBSERVED_ATTRIBUTES[name])
  const port = numberOf(attributes, OBSERVED_ATTRIBUTES.port) ?? 0
  const protocol = CALL_PROTOCOLS.find((one) => one === text('protocol'))
  const outcome = CALL_OUTCOMES.find((one) => one === text('outcome'))
  if (!protocol || !outcome || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined
  return {
    source: text('source'),
    address: text('address'),
    port,
    protocol,
    method: text('method'),
    path: text('path'),
    outcome,
  }
}
