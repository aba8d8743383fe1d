import type { ProxyExplanation, ProxyRequest } from '../../core/explain/proxy-question.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import { alpnFor } from '../upstream/connector.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'
import type { LiveProxy } from './live-proxy.ts'

const MOST_IDENTITIES = 20

/** What the sidecar of an endpoint is asked; null: it has none, or is not to be asked. `passedName`: see ProxyQuestion. */
export function nextOf(
  endpoint: EndpointState | undefined,
  passedName: string,
  request: ProxyRequest | undefined,
  { localIdentity, ownAddresses }: LiveProxy,
): ProxyExplanation['next'] {
  if (!endpoint?.tls || endpoint.endpoint.workload === '') return null
  const { alpn, sni } = endpoint.tls
  const { address, port, workload } = endpoint.endpoint
  const [source = ''] = ownAddresses
  return {
    workload,
    question: {
      direction: 'inbound',
      address,
      port,
      carries: 'tls',
      serverName: sni,
      alpn: alpnFor(alpn, request ? 'http' : 'tcp'),
      passedName,
      identity: localIdentity(),
      source,
      request,
    },
  }
}

/** SPIFFE IDs that the endpoints of a cluster have to show; none: they are called in plaintext, or anybody may answer. */
export function expectedIdentities({ states }: UpstreamCluster): readonly string[] {
  const all = [...states.values()].flatMap(({ endpoint, tls }) => {
    if (!tls) return []
    if (endpoint.identity !== '') return [endpoint.identity]
    return (tls.validation?.subjectAltNames ?? []).map(({ match, value }) =>
      match === 'exact' ? value : `${value}*`,
    )
  })
  return [...new Set(all)].toSorted().slice(0, MOST_IDENTITIES)
}
