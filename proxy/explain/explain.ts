import { ALPN_LINK, ALPN_TCP, INBOUND_LISTENER, OUTBOUND_LISTENER_PREFIX } from '../../core/contract.ts'
import type { ProxyExplanation, ProxyQuestion } from '../../core/explain/proxy-question.ts'
import { noAuthorization } from '../exchange/telemetry-sink.ts'
import { chainFor, needsInspection } from '../listener/chain-match.ts'
import { forbiddenDestination } from '../listener/forbidden-destination.ts'
import type { FilterChain, Listener } from '../model/listener.ts'
import type { Hop } from '../model/hop.ts'
import type { DownstreamTls } from '../model/tls.ts'
import type { ArrivedConnection } from '../steps/step.ts'
import { formatDestination } from '../transport/original-destination.ts'
import { allowsPeer } from '../transport/peer-identity.ts'
import type { Peeked } from '../transport/peek.ts'
import { newDraft, type Draft, type Explained } from '../../core/explain/draft.ts'
import type { LiveProxy } from './live-proxy.ts'
import { policyOf } from './policy.ts'
import { explainRequest } from './request.ts'
import { settledValue } from './settled.ts'
import { explainTcp } from './tcp.ts'

/**
 * What this proxy would do with a connection and the request on it, and why: each step is asked of what requests go through, with
 * the configuration and the state of this moment. What was never used is asked of the control plane and waited for, as for a
 * request. Nothing is sent, and nothing is counted.
 */
export async function explain(
  question: ProxyQuestion,
  live: LiveProxy,
  self: Explained,
): Promise<ProxyExplanation> {
  const draft = newDraft(self, live.exchange.configVersion(), live.localIdentity())
  const next = await connectionOutlook(question, live, draft)
  // What was waited for may have come with another version.
  return { explanation: { ...draft, configVersion: live.exchange.configVersion() }, next }
}

type Next = ProxyExplanation['next']

async function connectionOutlook(question: ProxyQuestion, live: LiveProxy, draft: Draft): Promise<Next> {
  const { direction, address: host, port } = question
  const destination = { host, port }
  const forbidden = forbiddenDestination(direction, destination, live.ownAddresses, live.ownPorts())
  if (forbidden !== undefined)
    return refused(draft, forbidden, `the sidecar takes no ${direction} connection to ${host}:${port}`)
  const inbound = direction === 'inbound'
  const name = inbound ? INBOUND_LISTENER : OUTBOUND_LISTENER_PREFIX + formatDestination(destination)
  draft.listener = name
  const watched = live.configuration.listener(name)
  const listener = inbound ? watched.value : await settledValue(watched, live)
  if (!listener && inbound)
    return refused(draft, 'inbound_listener_not_known', 'the sidecar has no configuration for its pod yet')
  if (listener === undefined)
    return refused(
      draft,
      'destination_unknown{no answer from the control plane}',
      'the control plane did not say in time whether this destination is of the mesh: nothing is guessed',
    )
  if (listener === null) {
    draft.outcome = 'passed-through'
    draft.notes.push(
      `nothing of the mesh is at ${host}:${port}: bytes pass as they come, without mutual TLS, routes or retries`,
    )
    return null
  }
  const inspected = needsInspection(listener, port)
  const chain = chainFor(listener, port, inspected ? peekedOf(question) : undefined)
  if (!chain)
    return refused(draft, 'filter_chain_not_found', `no filter chain of ${name} is for such connections`)
  if (chain.name !== '') draft.listener = `${name} (${chain.name})`
  return chainOutlook(question, live, draft, listener, chain)
}

function chainOutlook(
  question: ProxyQuestion,
  live: LiveProxy,
  draft: Draft,
  listener: Listener,
  chain: FilterChain,
): Promise<Next> | Next {
  const { direction, address: host, port, identity, source, request } = question
  const refusal = chain.tls && whyNoTls(question, chain.tls)
  if (refusal !== undefined) {
    if (direction === 'inbound') draft.policy = { decision: 'denied', rule: '', reason: refusal }
    return refused(draft, 'downstream_tls', refusal)
  }
  const alpn = chain.tls?.alpn.find((own) => question.alpn.includes(own)) ?? ''
  // Who shows an identity where none is looked at has shown none.
  const seen = chain.tls?.validation ? identity : ''
  const connections = live.connections(direction)
  const arrived: ArrivedConnection = {
    direction,
    downstream: formatDestination({ host: source, port: 0 }),
    destinationAddress: host,
    destinationPort: port,
    serverName: chain.tls || question.carries !== 'tls' ? question.passedName : question.serverName,
    sourceIdentity: seen,
    alpn,
  }
  const record = noAuthorization()
  for (const step of connections.stepsOf(listener, chain)) {
    // Those that decide who may count nothing.
    const turnedAway = step.authorizes && step.decide(arrived, record)
    if (!turnedAway) continue
    draft.policy = policyOf(record, 'no rule lets such a connection in')
    return refused(draft, turnedAway.details, 'a policy refuses the connection')
  }
  const { network } = chain
  if (network.kind === 'tcp') {
    if (direction === 'inbound') draft.policy = policyOf(record, 'no rule of this port refuses it')
    if (request) draft.notes.push('this port carries opaque bytes: nobody looks at requests or routes them')
    return explainTcp(question, network, live, draft)
  }
  if (!request || alpn === ALPN_TCP)
    return refused(draft, 'no_http', 'this port takes HTTP alone, and what is asked about carries none')
  const hop: Hop = {
    direction,
    original: { host, port },
    destination: { host, port },
    downstream: arrived.downstream,
    sourceIdentity: seen,
    localIdentity: live.localIdentity(),
    serverName: question.serverName,
    tls: chain.tls !== undefined,
    http2: alpn === '' ? request.http2 : alpn.endsWith('h2'),
    link: alpn === ALPN_LINK,
  }
  return explainRequest(request, hop, connections.managerOf(listener, chain, network), live, draft)
}

/** What the first bytes of such a connection say. */
function peekedOf({ carries, serverName, alpn }: ProxyQuestion): Peeked {
  if (carries === 'tls') return { kind: 'tls', hello: { serverName, alpn } }
  return carries === 'tcp' ? { kind: 'opaque', text: false } : { kind: carries }
}

/** Why TLS that ends here would not come about; undefined: it would. Whether a certificate is genuine is not asked. */
function whyNoTls({ carries, alpn, identity }: ProxyQuestion, tls: DownstreamTls): string | undefined {
  if (carries !== 'tls') return 'the port takes mutual TLS alone, and this comes in plaintext'
  if (tls.alpn.length > 0 && alpn.length > 0 && !tls.alpn.some((own) => alpn.includes(own)))
    return `the two sides have no protocol in common: ${tls.alpn.join(', ')} here, ${alpn.join(', ')} there`
  if (tls.requireClientCertificate && identity === '') return 'the caller shows no certificate of the mesh'
  if (identity !== '' && !allowsPeer(tls.validation, identity))
    return `${identity} is none of the identities that may connect here`
  return undefined
}

function refused(draft: Draft, details: string, why: string): null {
  draft.outcome = 'refused'
  draft.details = details
  draft.notes.push(why)
  return null
}
