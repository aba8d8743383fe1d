import type { TappedRequest } from '../../../core/api/tap.ts'
import { parsePeerWorkload } from '../../../core/peer-workload.ts'
import { tapTakes, type TapFilter, type TapSubject } from '../../../core/tap/tap-filter.ts'
import { readTapBatch, TAP_LIMITS, TAP_QUESTION, type TapQuestion } from '../../../core/tap/tap-protocol.ts'
import type { Clock } from '../../../core/clock.ts'
import type { Mesh, Workload } from '../../model/mesh.ts'
import type { QuestionService } from '../questions/service.ts'
import type { Tap } from '../telemetry/tap.ts'
import { TapRate } from './tap-rate.ts'

/** What somebody wants to hear. */
export interface TapAsked {
  readonly namespace: string
  /** Name of the workload whose pods tell, or of one pod; undefined: all of the namespace. */
  readonly workload: string | undefined
  readonly filter: TapFilter
  /** Requests a second. */
  readonly rate: number
  readonly headers: boolean
}

/** Who tells here. Pods are `namespace/pod`. */
export interface OwnSource {
  readonly live: readonly string[]
  readonly refused: readonly { readonly pod: string; readonly reason: string }[]
}

export interface TapHearer {
  /** `traced`: it is known by its trace, and its sidecar may have told of it elsewhere. */
  request(request: TappedRequest, traced: boolean): void
  /** So many more fit. */
  skipped(requests: number): void
  /** Changed; `settled`: nobody has yet to answer. */
  source(source: OwnSource, settled: boolean): void
}

export interface OwnTapOptions {
  readonly questions: Pick<QuestionService, 'follow' | 'has' | 'pods' | 'watch'>
  readonly traces: Tap
  /** Undefined: nothing is known yet. */
  readonly mesh: () => Mesh | undefined
  /** What a namespace says of being tapped; undefined: nothing. */
  readonly setting: (namespace: string) => string | undefined
  readonly clock: Clock
}

/** Hears what sidecars that are connected to this replica tell; returns what ends that. */
export type OwnTaps = (asked: TapAsked, hearer: TapHearer) => () => void

/** Sidecars of one tap. More are named as not heard. */
const MOST_SIDECARS = 500
/** Requests a second that each of many sidecars tells: traffic is not spread evenly, so all together may tell more than is shown. */
const LEAST_SHARE = 5
const OVERLAP = 4

export function ownTaps({ questions, traces, mesh, setting, clock }: OwnTapOptions): OwnTaps {
  return (asked, hearer) => {
    const { namespace, workload, filter, headers } = asked
    const live = new Set<string>()
    const waiting = new Set<string>()
    const ends = new Map<string, () => void>()
    const refused = new Map<string, string>()
    const rate = new TapRate(clock, asked.rate)
    const isMeant = (pod: string): boolean =>
      pod.startsWith(`${namespace}/`) &&
      (workload === undefined || isOfWorkload(pod, mesh()?.workloads.get(pod), workload))
    const isHidden = (request: TappedRequest): boolean =>
      setting(namespace) === 'off' || otherNamespaces(request).some((other) => setting(other) === 'off')
    // Until all are asked nothing is said of who tells.
    let asking = true
    const changed = (): void => {
      if (asking) return
      const source = {
        live: [...live],
        refused: [...refused].map(([pod, reason]) => ({ pod, reason })),
      }
      hearer.source(source, waiting.size === 0)
    }
    const hear = (request: TappedRequest, traced: boolean): void => {
      if (isHidden(request)) return
      if (rate.take()) hearer.request(request, traced)
      else countSkipped()
    }
    const countSkipped = (): void => {
      const left = rate.takeSkipped()
      if (left > 0 && setting(namespace) !== 'off') hearer.skipped(left)
    }
    const begin = (pod: string, share: number): void => {
      if (ends.size >= MOST_SIDECARS) {
        refused.set(pod, `is not heard: ${MOST_SIDECARS} others are, so name a workload`)
        return
      }
      refused.delete(pod)
      waiting.add(pod)
      const question: TapQuestion = { filter, rate: share, headers }
      let ended = false
      const end = questions.follow(
        pod,
        { kind: TAP_QUESTION, question, renewMs: TAP_LIMITS.renewMs },
        {
          told(answer) {
            const { requests, skipped } = readTapBatch(answer)
            if (waiting.delete(pod) || !live.has(pod)) {
              live.add(pod)
              changed()
            }
            const known = mesh()?.workloads.get(pod)
            for (const request of requests) hear(asTold(request, pod, known, headers), false)
            rate.alsoSkipped(skipped)
            countSkipped()
          },
          over(reason) {
            ended = true
            ends.delete(pod)
            live.delete(pod)
            waiting.delete(pod)
            refused.set(pod, reason)
            changed()
          },
        },
      )
      if (!ended) ends.set(pod, end)
    }

    const pods = [...questions.pods()].filter(isMeant)
    const shareOf = (count: number): number =>
      Math.min(asked.rate, Math.max(LEAST_SHARE, Math.ceil((OVERLAP * asked.rate) / count)))
    const share = shareOf(Math.max(1, pods.length))
    const unwatch = questions.watch((pod) => {
      if (!isMeant(pod)) return
      if (!questions.has(pod)) {
        refused.delete(pod)
        changed()
      } else if (!ends.has(pod)) {
        begin(pod, share)
        changed()
      }
    })
    const unlisten = traces.listen((request) => {
      const pod = `${request.namespace}/${request.pod}`
      if (!isMeant(pod) || live.has(pod)) return
      if (tapTakes(filter, subjectOf(request))) hear(request, true)
    })
    for (const pod of pods) begin(pod, share)
    asking = false
    changed()
    return () => {
      unwatch()
      unlisten()
      for (const end of ends.values()) end()
      ends.clear()
    }
  }
}

/** Pods of `namespace` that are to tell, of the mesh as it is. */
export function meantPods(mesh: Mesh | undefined, { namespace, workload }: TapAsked): string[] {
  return [...(mesh?.workloads.values() ?? [])]
    .filter((one) => one.namespace === namespace)
    .filter((one) => workload === undefined || isOfWorkload(one.key, one, workload))
    .map(({ key }) => key)
}

function isOfWorkload(pod: string, known: Workload | undefined, workload: string): boolean {
  if (pod.slice(pod.indexOf('/') + 1) === workload) return true
  return (
    known !== undefined &&
    (parsePeerWorkload(known.owner)?.workload === workload || known.service === workload)
  )
}

/** What a sidecar says, with who it is as the control plane knows it. */
function asTold(
  request: TappedRequest,
  pod: string,
  known: Workload | undefined,
  headers: boolean,
): TappedRequest {
  const [namespace = '', name = ''] = pod.split('/')
  const { headers: fields, query, ...rest } = request
  const end = request.direction === 'outbound' ? 'source' : 'destination'
  const claims = known !== undefined && request[end].startsWith('spiffe://')
  return {
    ...rest,
    ...{ namespace, pod: name },
    ...(claims ? { [end]: known.identity } : {}),
    ...(headers && fields ? { headers: fields } : {}),
    ...(headers && query !== undefined ? { query } : {}),
  }
}

function subjectOf(request: TappedRequest): TapSubject {
  const { service, namespace, asked = '', flags } = request
  return {
    ...request,
    flags: () => flags.split(','),
    services: () => [`${service}.${namespace}`, asked, ...endNames(request)],
  }
}

/** `name.namespace` by the service accounts of both ends. */
function endNames({ source, destination }: TappedRequest): string[] {
  return [source, destination].flatMap((identity) => {
    const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/(.+)$/.exec(identity) ?? []
    return namespace === undefined ? [] : [`${account ?? ''}.${namespace}`]
  })
}

/** Of the ends of a request, as far as they are known: by identities, by the backend `shop/catalog/8080`, by the Service. */
function otherNamespaces({ source, destination, asked }: TappedRequest): string[] {
  const ends = [source, destination].flatMap((end) => {
    const [, byIdentity, byBackend] =
      /^(?:spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/|([a-z0-9-]+)\/[^/]+\/\d+$)/.exec(end) ?? []
    return byIdentity ?? byBackend ?? []
  })
  return asked === undefined ? ends : [...ends, asked.slice(asked.lastIndexOf('.') + 1)]
}
