import type { ProxyExplanation } from '../../core/explain/proxy-question.ts'
import { Affinity } from '../exchange/affinity.ts'
import { backendShares } from '../exchange/backend-choice.ts'
import { applyBackend, applyRoute } from '../exchange/outgoing-head.ts'
import type { LocalReply } from '../exchange/reply.ts'
import { upgradeAllowed } from '../exchange/upgrade-allowed.ts'
import type { RequestHead } from '../http/message.ts'
import { hashes } from '../model/balancing.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { WeightedCluster } from '../model/route.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import { answered } from './answered.ts'
import { endpointsOf, readyCluster } from './backends.ts'
import type { Draft } from '../../core/explain/draft.ts'
import type { LiveProxy } from './live-proxy.ts'
import { expectedIdentities, nextOf } from './next-hop.ts'
import type { Routed } from './routed.ts'
import { noteTries } from './tries.ts'

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
  // A request that may go to no backend is told so by those that are none first.
  const refusal = refusalOf(routed)
  const fates: Fate[] = []
  for (const [i, weighted] of action.clusters.entries())
    fates.push(await fateOf(weighted, shares[i] ?? 0, routed, { pinned, refusal }, live, draft))
  const happens = fates.filter(({ odds }) => odds > 0)
  const likeliest = happens.toSorted((a, b) => b.odds - a.odds)[0]
  noteTries(routed, draft)
  if (!likeliest) return answered(draft, head, INVALID.flags, INVALID.reply)
  const failures = happens.flatMap(({ failure, odds }) => (failure ? [{ odds, ...failure.reply }] : []))
  const all = failures.length === happens.length
  if (!all || failures.some(({ details }) => details !== failures[0]?.details))
    for (const { odds, status, text } of failures)
      draft.notes.push(`${(odds * 100).toFixed(1)} % of such requests are answered with ${status}: ${text}`)
  if (likeliest.failure && all) return answered(draft, head, likeliest.failure.flags, likeliest.failure.reply)
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

/** Changes the head as the route says. Why it then goes to no backend; undefined: it may. */
function refusalOf({ action, head, manager, route }: Routed): LocalReply | undefined {
  const upgrades = head.upgrade !== '' || head.method === 'CONNECT'
  if (upgrades && !upgradeAllowed(head, action))
    return { status: 403, details: 'upgrade_failed', text: 'this upgrade is not allowed here' }
  return applyRoute(head, route, action, manager.settings.paths)
}

async function fateOf(
  weighted: WeightedCluster,
  odds: number,
  { action, head, hop, http2, manager }: Routed,
  { pinned, refusal }: { readonly pinned: string | undefined; readonly refusal: LocalReply | undefined },
  live: LiveProxy,
  draft: Draft,
): Promise<Fate> {
  const own = { ...head, fields: [...head.fields] }
  const fate = { odds, likeliest: undefined, head: own }
  if (weighted.cluster === '') {
    draft.backends.push({ cluster: '', odds, endpoints: [] })
    return { ...fate, failure: INVALID }
  }
  if (refusal) {
    draft.backends.push({ cluster: weighted.cluster, odds, endpoints: [] })
    return { ...fate, failure: { flags: 0, reply: refusal } }
  }
  const cluster = await readyCluster(live, weighted.cluster)
  applyBackend(own, weighted, hop, manager.settings, http2)
  const { config } = cluster
  const affinity =
    action.hashPolicies && config && hashes(config.balancing.policy)
      ? new Affinity(action.hashPolicies, own, hop.downstream, live.random)
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
