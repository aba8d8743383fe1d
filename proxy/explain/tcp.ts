import type { ProxyExplanation, ProxyQuestion } from '../../core/explain/proxy-question.ts'
import type { TcpProxy } from '../model/listener.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import { endpointsOf, readyCluster } from './backends.ts'
import type { Draft } from '../../core/explain/draft.ts'
import type { LiveProxy } from './live-proxy.ts'
import { expectedIdentities, nextOf } from './next-hop.ts'

/** An opaque connection: by weight to a cluster, and to an endpoint of that. */
export async function explainTcp(
  question: ProxyQuestion,
  { clusters, idleTimeoutMs }: TcpProxy,
  live: LiveProxy,
  draft: Draft,
): Promise<ProxyExplanation['next']> {
  const { address: host, port } = question
  const total = clusters.reduce((sum, { weight }) => sum + weight, 0)
  const sent = {
    original: { host, port },
    hash: undefined,
    purpose: 'connection' as const,
    pinned: undefined,
  }
  let best: { readonly odds: number; readonly endpoint: EndpointState | undefined } | undefined
  let served = false
  for (const { cluster: name, weight } of clusters) {
    const odds = total === 0 ? 0 : weight / total
    if (name === '') {
      draft.backends.push({ cluster: '', odds, endpoints: [] })
      if (odds > 0)
        draft.notes.push(`an invalid backend has ${odds * 100} % of the connections, which are refused`)
      continue
    }
    const cluster = await readyCluster(live, name)
    const { endpoints, likeliest, notes } = endpointsOf(live, cluster, sent)
    draft.backends.push({ cluster: name, odds, endpoints })
    draft.notes.push(...notes)
    if (odds > 0 && endpoints.some((one) => one.odds > 0)) served = true
    if (odds > (best?.odds ?? 0)) best = { odds, endpoint: likeliest }
    const identities = expectedIdentities(cluster)
    draft.identity = {
      ...draft.identity,
      expected: [...new Set([...draft.identity.expected, ...identities])],
    }
  }
  if (idleTimeoutMs > 0) draft.timeouts.push({ name: 'idle', ms: idleTimeoutMs, from: 'listener' })
  draft.outcome = served ? 'forwarded' : 'refused'
  if (!served) draft.notes.push('no backend has an endpoint for it')
  return served
    ? nextOf(best?.endpoint, question.carries === 'tls' ? question.serverName : '', undefined, live)
    : null
}
