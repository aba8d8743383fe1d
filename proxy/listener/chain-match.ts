import { isDeepStrictEqual } from 'node:util'
import { ALPN_TCP } from '../../core/contract.ts'
import type { FilterChain, Listener } from '../model/listener.ts'
import type { Peeked } from '../transport/peek.ts'

/** What is known of a connection when its filter chain is chosen. */
export interface ChainFacts {
  readonly destinationPort: number
  readonly serverName: string
  readonly transportProtocol: 'tls' | 'raw_buffer'
  /** ALPN of a ClientHello, or what detection found: `http/1.1`, `h2c`. */
  readonly applicationProtocols: readonly string[]
}

/**
 * Envoy's order (FilterChainMatch): destination port, server name, transport protocol, application
 * protocol; at each step the most specific chains that match stay. Undefined: refuse the connection.
 */
export function chooseChain(listener: Listener, facts: ChainFacts): FilterChain | undefined {
  let chains = keepSpecific(
    listener.filterChains,
    (chain) => chain.match.destinationPort !== undefined,
    (chain) => chain.match.destinationPort === facts.destinationPort,
  )
  chains = keepBestName(chains, facts.serverName)
  chains = keepSpecific(
    chains,
    (chain) => chain.match.transportProtocol !== undefined,
    (chain) => chain.match.transportProtocol === facts.transportProtocol,
  )
  chains = keepSpecific(
    chains,
    (chain) => chain.match.applicationProtocols.length > 0,
    (chain) =>
      chain.match.applicationProtocols.some((protocol) => facts.applicationProtocols.includes(protocol)),
  )
  return chains[0] ?? listener.defaultFilterChain
}

/** By what its first bytes said; `peeked` undefined: they were not looked at. */
export function chainFor(
  listener: Listener,
  destinationPort: number,
  peeked: Peeked | undefined,
): FilterChain | undefined {
  const hello = peeked?.kind === 'tls' ? peeked.hello : undefined
  return chooseChain(listener, {
    destinationPort,
    serverName: hello?.serverName ?? '',
    transportProtocol: hello ? 'tls' : 'raw_buffer',
    applicationProtocols: hello?.alpn ?? detectedProtocols(peeked),
  })
}

function detectedProtocols(peeked: Peeked | undefined): readonly string[] {
  if (peeked?.kind === 'http1') return ['http/1.1']
  if (peeked?.kind === 'h2c') return ['h2c']
  return []
}

/**
 * What a chain of a listener has become in another version of it, for connections that it serves: the one that matches the
 * same, or, where that has gone, the one that would be chosen now. Undefined: none that could go on with what TLS there is.
 */
export function currentChain(
  listener: Listener,
  before: FilterChain,
  wasDefault: boolean,
  facts: ChainFacts,
): FilterChain | undefined {
  const { filterChains, defaultFilterChain } = listener
  // No two chains of a listener match the same.
  const same = wasDefault
    ? defaultFilterChain
    : filterChains.find(({ match }) => isDeepStrictEqual(match, before.match))
  const chain = same ?? chooseChain(listener, facts)
  return (chain?.tls === undefined) === (before.tls === undefined) ? chain : undefined
}

function keepSpecific(
  chains: readonly FilterChain[],
  names: (chain: FilterChain) => boolean,
  hits: (chain: FilterChain) => boolean,
): readonly FilterChain[] {
  const hit = chains.filter((chain) => names(chain) && hits(chain))
  return hit.length > 0 ? hit : chains.filter((chain) => !names(chain))
}

function keepBestName(chains: readonly FilterChain[], serverName: string): readonly FilterChain[] {
  let best = -1
  let kept: FilterChain[] = []
  for (const chain of chains) {
    const rank = Math.max(
      chain.match.serverNames.length === 0 ? 0 : -1,
      ...chain.match.serverNames.map((name) => nameRank(name, serverName)),
    )
    if (rank < 0) continue
    if (rank > best) {
      best = rank
      kept = []
    }
    if (rank === best) kept.push(chain)
  }
  return kept
}

function nameRank(pattern: string, serverName: string): number {
  if (pattern === serverName) return 1_000_000
  if (pattern.startsWith('*.') && serverName.endsWith(pattern.slice(1))) return pattern.length
  return -1
}

/** Whether the first bytes of a connection can change which chain serves it. */
export function needsInspection(listener: Listener, destinationPort: number): boolean {
  if (!listener.inspectTls && !listener.inspectHttp) return false
  const own = listener.filterChains.filter((chain) => chain.match.destinationPort === destinationPort)
  const chains = own.length > 0 ? own : listener.filterChains.filter((chain) => !chain.match.destinationPort)
  return chains.some(
    (chain) =>
      chain.match.transportProtocol !== undefined ||
      chain.match.applicationProtocols.length > 0 ||
      chain.match.serverNames.length > 0,
  )
}

// A sidecar sends its ClientHello with the connection; this leaves room for one that is lost (RFC 6298 section 2.4).
const SIDECAR_HELLO_MS = 300

/**
 * How long the first bytes are waited for. Where they only tell a sidecar from a client in plaintext, whose server may
 * speak first, that is a moment: a sidecar is never silent. Milliseconds; 0: for ever.
 */
export function inspectionMs(listener: Listener, destinationPort: number): number {
  const { detectTimeoutMs } = listener
  const chosen = (transportProtocol: 'tls' | 'raw_buffer', ...applicationProtocols: string[]) =>
    chooseChain(listener, { destinationPort, serverName: '', transportProtocol, applicationProtocols })
  const plain = chosen('raw_buffer')
  if (plain?.network.kind !== 'tcp' || !chosen('tls', ALPN_TCP)?.tls?.alpn.includes(ALPN_TCP))
    return detectTimeoutMs
  if (chosen('raw_buffer', 'http/1.1') !== plain || chosen('raw_buffer', 'h2c') !== plain)
    return detectTimeoutMs
  return detectTimeoutMs === 0 ? SIDECAR_HELLO_MS : Math.min(detectTimeoutMs, SIDECAR_HELLO_MS)
}
