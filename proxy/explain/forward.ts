import type { ProxyExplanation } from '../../core/explain/proxy-question.ts'
import { Affinity } from '../exchange/affinity.ts'
import { backendShares } from '../exchange/backend-choice.ts'
import type { ConnectionManager } from '../exchange/connection-manager.ts'
import { applyBackend, applyRoute } from '../exchange/outgoing-head.ts'
import type { LocalReply } from '../exchange/reply.ts'
import { upgradeAllowed } from '../exchange/upgrade-allowed.ts'
import type { RequestHead } from '../http/message.ts'
import { hashes } from '../model/balancing.ts'
import type { Hop } from '../model/hop.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { ForwardAction, Route, WeightedCluster } from '../model/route.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import { answered } from './answered.ts'
import { endpointsOf, readyCluster } from './backends.ts'
import type { Draft } from './draft.ts'
import type { LiveProxy } from './live-proxy.ts'
import { expectedIdentities, nextOf } from './next-hop.ts'
import { noteTries } from './tries.ts'

/** A request that is let pass, and the route that it goes by. */
export interface Routed {
  readonly head: RequestHead
  readonly http2: boolean
  readonly hop: Hop
  readonly manager: ConnectionManager
  readonly route: Route
  readonly action: ForwardAction
}

const INVALID: Failure = {
  flags: ResponseFlag.NB,
  reply: { status: 500, details: 'invalid_backend', text: 'a backend of the route is invalid' },
}

interface Failure {
  readonly flags: number
  readonly reply: LocalReply
}

/** What becomes of the share of one backend. */
interface Fate {
  readonly odds: number
  /** Undefined: it is sent on. */
  readonly failure: Failure | undefined
  readonly likeliest: EndpointState | undefined
  readonly head: RequestHead
}

/** The way to the upstream, in the order of `Forwarding`: backends, rewrites, endpoints, tries. */
export async function explainForward(
  routed: Routed,
  live: LiveProxy,
  draft: Draft,
): Promise<ProxyExplanation['next']> {
  const { action, head, hop, http2, manager, route } = routed
  await Promise.all(
    action.clusters.flatMap(({ cluster, weight }) =>
      cluster !== '' && weight > 0 ? [readyCluster(live, cluster)] : [],
    ),
  )
  const session = manager.steps.sessions?.session(head, route)
  const tied = session && action.clusters.find(({ cluster }) => cluster !== '' && cluster === session.cluster)
  const pinned =
    tied && (await readyCluster(live, tied.cluster)).endpointAt(session.address) ? session.address : undefined
  const shares =
    pinned === undefined
      ? backendShares(live.exchange.clusters, action)
      : action.clusters.map((one) => (one === tied ? 1 : 0))
  if (head.upgrade !== '' || head.method === 'CONNECT')
    if (!upgradeAllowed(head, action))
      return answered(draft, head, 0, {
        status: 403,
        details: 'upgrade_failed',
        text: 'this upgrade is not allowed here',
      })
  const reply = applyRoute(head, route, action, manager.settings.paths)
  if (reply) return answered(draft, head, 0, reply)
  const fates: Fate[] = []
  for (const [i, weighted] of action.clusters.entries())
    fates.push(await fateOf(weighted, shares[i] ?? 0, routed, pinned, live, draft))
  const happens = fates.filter(({ odds }) => odds > 0)
  const likeliest = happens.toSorted((a, b) => b.odds - a.odds)[0]
  noteTries(routed, draft)
  if (!likeliest) return answered(draft, head, INVALID.flags, INVALID.reply)
  const failing = happens.filter(({ failure }) => failure)
  if (likeliest.failure && failing.length === happens.length)
    return answered(draft, head, likeliest.failure.flags, likeliest.failure.reply)
  for (const { failure, odds } of failing)
    if (failure)
      draft.notes.push(
        `${(odds * 100).toFixed(1)} % of such requests are answered with ${failure.reply.status}: ${failure.reply.text}`,
      )
  const served = happens.filter(({ failure }) => !failure).toSorted((a, b) => b.odds - a.odds)[0]
  draft.outcome = 'forwarded'
  if (!served) return null
  const { authority, fields, method, path, scheme } = served.head
  draft.sent = { method, authority, path }
  const secure = scheme === 'https' ? ('https' as const) : ('http' as const)
  return hop.direction === 'inbound'
    ? null
    : nextOf(served.likeliest, '', { scheme: secure, http2, method, authority, path, fields }, live)
}

async function fateOf(
  weighted: WeightedCluster,
  odds: number,
  { action, head, hop, http2, manager }: Routed,
  pinned: string | undefined,
  live: LiveProxy,
  draft: Draft,
): Promise<Fate> {
  const own = { ...head, fields: [...head.fields] }
  const fate = { odds, likeliest: undefined, head: own }
  if (weighted.cluster === '') {
    draft.backends.push({ cluster: '', odds, endpoints: [] })
    return { ...fate, failure: INVALID }
  }
  const cluster = await readyCluster(live, weighted.cluster)
  applyBackend(own, weighted, hop, manager.settings, http2)
  const { config } = cluster
  const affinity =
    action.hashPolicies && config && hashes(config.balancing.policy)
      ? new Affinity(action.hashPolicies, own, hop.downstream, Math.random)
      : undefined
  // A caller who is given a cookie goes wherever chance leads him.
  const hash = affinity && affinity.setCookies.length === 0 ? affinity.hash : undefined
  const { original = hop.destination } = hop
  const { endpoints, likeliest, notes } = endpointsOf(live, cluster, {
    original,
    hash,
    purpose: 'request',
    pinned,
  })
  draft.backends.push({ cluster: weighted.cluster, odds, endpoints })
  if (odds === 0) return { ...fate, failure: undefined }
  draft.notes.push(...notes)
  draft.identity = {
    ...draft.identity,
    expected: [...new Set([...draft.identity.expected, ...expectedIdentities(cluster)])],
  }
  if (config)
    draft.timeouts.push({
      name: `connect to ${weighted.cluster}`,
      ms: config.connectTimeoutMs,
      from: weighted.cluster,
    })
  if (!config)
    return {
      ...fate,
      failure: failed(ResponseFlag.NC, 'cluster_not_found', 'the destination of the route is not known'),
    }
  if (cluster.breakers.reached(cluster.active, cluster.connections).get('requests'))
    return {
      ...fate,
      failure: failed(
        ResponseFlag.UO,
        'upstream_overflow{requests}',
        'too many requests to this destination',
      ),
    }
  if (!endpoints.some((one) => one.odds > 0))
    return { ...fate, failure: failed(ResponseFlag.UH, 'no_healthy_upstream', 'no healthy upstream') }
  return { ...fate, failure: undefined, likeliest }
}

function failed(flags: number, details: string, text: string): Failure {
  return { flags, reply: { status: 503, details, text } }
}
