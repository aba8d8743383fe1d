import type { Decider } from '../../core/authorization/evaluate.ts'
import type { RequestFacts } from '../../core/authorization/facts.ts'
import type { Destination } from '../transport/original-destination.ts'
import type { OwnConnections } from '../upstream/own-connections.ts'

/** What is known of one downstream connection: the same for all requests on it. */
export interface Hop {
  readonly direction: 'outbound' | 'inbound'
  /** Where it wanted to go, of a captured connection. */
  readonly original: Destination | undefined
  /** The same, or where a listener with an address of its own took it. */
  readonly destination: Destination
  /** `ip:port` of the caller. */
  readonly downstream: string
  /** Verified SPIFFE ID of the caller, or ''. */
  readonly sourceIdentity: string
  /** This workload's own, or ''. */
  readonly localIdentity: string
  /** The caller's connection is TLS that ends here. */
  readonly tls?: boolean
  /** Server name that the caller asked for in TLS, lower-case, or ''. */
  readonly serverName?: string
  /** The caller speaks HTTP/2 to us. */
  readonly http2: boolean
  /** The caller is a sidecar of ours (`weft-h2`). */
  readonly link: boolean
  /** What the caller's workload says that it is called (core/peer-workload.ts), once it has; nothing is decided by it. */
  peer?: string
  /** Connections that only this one's requests go out on, once one of them has logged its connection in. */
  own?: OwnConnections
  /** The same towards endpoints that are told by the PROXY protocol who calls. */
  named?: OwnConnections
  /** What rules leave to be asked of its requests, by the step that has them: of the last few. */
  narrowed?: NarrowedRules[]
}

export interface NarrowedRules {
  readonly step: object
  readonly decider: Decider<RequestFacts>
}
