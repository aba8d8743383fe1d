import type { Destination } from '../transport/original-destination.ts'

/** Where a connection must not lead, whatever it was captured from. */
export interface OwnPorts {
  readonly outbound: number
  readonly inbound: number
}

/**
 * Why a captured connection is refused, or undefined. Leading to one of the proxy's own two ports it would come
 * back as a new connection, without end; leading inbound to an address that is not the pod's, the proxy would
 * be a relay for whoever can route packets to it.
 */
export function forbiddenDestination(
  direction: 'outbound' | 'inbound',
  destination: Destination,
  ownAddresses: ReadonlySet<string>,
  ports: OwnPorts,
): string | undefined {
  const own = ownAddresses.has(destination.host) || isLoopback(destination.host)
  if (own && (destination.port === ports.outbound || destination.port === ports.inbound)) return 'own_port'
  if (direction === 'inbound' && ownAddresses.size > 0 && !own) return 'not_this_pod'
  return undefined
}

function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1'
}
