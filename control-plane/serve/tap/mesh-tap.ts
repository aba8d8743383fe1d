import type { TappedRequest, TapSkipped, TapSource } from '../../../core/api/tap.ts'
import type { Clock } from '../../../core/clock.ts'
import type { Mesh } from '../../model/mesh.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import { meantPods, type OwnSource, type OwnTaps, type TapAsked, type TapHearer } from './own-tap.ts'
import { replicaTap } from './replica-tap.ts'
import { TapRate } from './tap-rate.ts'

/** Whoever listens. */
export interface TapListener {
  source(source: TapSource): void
  request(request: TappedRequest): void
  skipped(skipped: TapSkipped): void
}

export interface MeshTapsOptions {
  readonly own: OwnTaps
  readonly mesh: () => Mesh | undefined
  /** The others, as they are now. */
  readonly replicas: () => readonly Replica[]
  readonly clock: Clock
}

/** Hears what all sidecars of a mesh tell, whichever replica they are connected to; returns what ends that. */
export type MeshTaps = (asked: TapAsked, listener: TapListener) => () => void

const EVERY_MS = 1000
/** One that could not be asked is asked again after so many of these. */
const RETRY_ROUNDS = 15
const MOST_NAMED = 100
/** Requests that wait for the first word on who tells. */
const MOST_EARLY = 1000

interface Heard {
  source: OwnSource
  settled: boolean
  /** Why it is not heard; '': it is. */
  missing: string
  end: () => void
  rounds: number
}

const NOBODY: OwnSource = { live: [], refused: [] }

export function meshTaps({ own, mesh, replicas, clock }: MeshTapsOptions): MeshTaps {
  return (asked, listener) => {
    const rate = new TapRate(clock, asked.rate)
    const mine = newHeard()
    const others = new Map<string, Heard>()
    let live = new Set<string>()
    let told: string | undefined
    let early: TappedRequest[] = []
    let ended = false
    let cancel = (): void => {}

    const tellSource = (): void => {
      const source = sourceOf(meantPods(mesh(), asked), mine, others)
      const text = JSON.stringify(source)
      if (text === told) return
      const first = told === undefined
      told = text
      listener.source(source)
      if (!first) return
      for (const request of early) listener.request(request)
      early = []
    }
    const hearerOf = (heard: Heard): TapHearer => ({
      request(request, traced) {
        // Its sidecar tells of it itself, to whichever replica.
        if (traced && live.has(`${request.namespace}/${request.pod}`)) return
        if (!rate.take()) return
        if (told !== undefined) listener.request(request)
        else if (early.length < MOST_EARLY) early.push(request)
        else rate.alsoSkipped(1)
      },
      skipped: (requests) => rate.alsoSkipped(requests),
      source(source, settled) {
        heard.source = source
        heard.settled = settled
        live = new Set([mine, ...others.values()].flatMap((one) => one.source.live))
        if (told === undefined && [mine, ...others.values()].every((one) => one.settled)) tellSource()
      },
    })
    const askOthers = (): void => {
      const now = new Map(replicas().map((replica) => [replica.pod, replica]))
      for (const [pod, heard] of others) {
        if (!now.has(pod)) {
          heard.end()
          others.delete(pod)
        } else if (heard.missing !== '' && ++heard.rounds >= RETRY_ROUNDS) others.delete(pod)
      }
      for (const [pod, replica] of now) {
        if (others.has(pod)) continue
        const heard = newHeard()
        others.set(pod, heard)
        const hearer = hearerOf(heard)
        heard.end = replicaTap(replica, asked, hearer, (reason) => {
          heard.missing = reason
          hearer.source(NOBODY, true)
        })
      }
    }
    const round = (): void => {
      askOthers()
      tellSource()
      const requests = rate.takeSkipped()
      if (requests > 0) listener.skipped({ requests })
      if (!ended) cancel = clock.after(EVERY_MS, round)
    }
    askOthers()
    mine.end = own(asked, hearerOf(mine))
    cancel = clock.after(EVERY_MS, round)
    return () => {
      ended = true
      cancel()
      for (const heard of [mine, ...others.values()]) heard.end()
    }
  }
}

function newHeard(): Heard {
  return { source: NOBODY, settled: false, missing: '', end: () => undefined, rounds: 0 }
}

function sourceOf(meant: readonly string[], mine: Heard, replicas: ReadonlyMap<string, Heard>): TapSource {
  const all = [mine, ...replicas.values()]
  const live = new Set(all.flatMap(({ source }) => source.live))
  const reasons = new Map(all.flatMap(({ source }) => source.refused.map(({ pod, reason }) => [pod, reason])))
  const others = [...new Set([...meant, ...reasons.keys()])].filter((pod) => !live.has(pod)).toSorted()
  const missing = [...replicas].flatMap(([replica, heard]) =>
    heard.missing === '' ? [] : [{ replica, reason: heard.missing }],
  )
  return {
    sampled: others.length > 0,
    live: live.size,
    others: others.slice(0, MOST_NAMED).map((pod) => ({
      pod,
      reason:
        reasons.get(pod) ?? 'is connected to no control plane that was asked, or is of a release that is not',
    })),
    otherCount: others.length,
    coverage: { answered: 1 + replicas.size - missing.length, missing },
  }
}
