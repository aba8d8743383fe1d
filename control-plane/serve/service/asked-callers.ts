import type { EndpointLoad, ServiceEndpoints } from '../../../core/api/service.ts'
import { describeError } from '../../../core/errors.ts'
import type { AskProxy } from '../../explain/ask-proxy.ts'

/** A pod with a sidecar. */
export interface CallerPod {
  /** `shop/web-1` */
  readonly key: string
  /** `web.shop` */
  readonly workload: string
}

export type AskedCallers = Pick<ServiceEndpoints, 'asked' | 'unanswered' | 'callers'> & {
  readonly loads: readonly EndpointLoad[]
}

type Answered =
  | { readonly pod: string; readonly caller: string; readonly loads: readonly EndpointLoad[] }
  | { readonly pod: string; readonly reason: string }

/** Each is one question to a sidecar; what they say together is a part of the load, and is told as such. */
const MOST_ASKED = 4
const MOST_LOADS = 1000

/**
 * Asks some of the pods of `workloads` (whoever calls most first) what runs at the endpoints of clusters: one of each workload, then
 * second ones. Those that are connected here are preferred. Never rejects.
 */
export async function askCallers(
  clusters: readonly string[],
  workloads: readonly string[],
  pods: readonly CallerPod[],
  { ask, connected }: { readonly ask: AskProxy; readonly connected: (pod: string) => boolean },
): Promise<AskedCallers> {
  const byWorkload = Map.groupBy(pods, ({ workload }) => workload)
  const queues = workloads.map((name) =>
    (byWorkload.get(name) ?? []).toSorted(
      (a, b) => Number(connected(b.key)) - Number(connected(a.key)) || (a.key < b.key ? -1 : 1),
    ),
  )
  const callers = queues.reduce((sum, { length }) => sum + length, 0)
  const chosen: CallerPod[] = []
  for (let round = 0; chosen.length < Math.min(MOST_ASKED, callers); round++)
    for (const queue of queues) {
      const pod = queue[round]
      if (pod && chosen.length < MOST_ASKED) chosen.push(pod)
    }
  const answers = await Promise.all(
    chosen.map(async ({ key, workload }): Promise<Answered> => {
      try {
        const { answer } = await ask(key, 'endpoints', { clusters })
        return { pod: key, caller: workload, loads: readLoads(answer) }
      } catch (error) {
        return { pod: key, reason: describeError(error) }
      }
    }),
  )
  return {
    callers,
    asked: answers.flatMap((one) => ('loads' in one ? [{ pod: one.pod, caller: one.caller }] : [])),
    unanswered: answers.flatMap((one) => ('reason' in one ? [{ pod: one.pod, reason: one.reason }] : [])),
    loads: answers.flatMap((one) => ('loads' in one ? one.loads : [])),
  }
}

/** What a sidecar of any release says, as far as it is what was asked for: whoever has a pod may have it answer what he likes. */
function readLoads(answer: unknown): readonly EndpointLoad[] {
  if (!Array.isArray(answer)) throw new TypeError('the sidecar answered with what is no list of endpoints')
  return (answer as readonly unknown[]).slice(0, MOST_LOADS).flatMap((one) => {
    const { cluster, address, active, latencyMs } = (one ?? {}) as Readonly<Record<string, unknown>>
    if (typeof cluster !== 'string' || typeof address !== 'string') return []
    if (typeof active !== 'number' || !Number.isSafeInteger(active) || active < 0) return []
    const known = typeof latencyMs === 'number' && Number.isFinite(latencyMs) && latencyMs >= 0
    return [{ cluster, address, active, latencyMs: known ? latencyMs : null }]
  })
}
