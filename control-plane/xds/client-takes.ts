import { USER_AGENT } from '../../core/contract.ts'
import type { Cluster, RetryPolicy } from '../../core/xds/generated/envoy.js'

/**
 * What a kind of client can take, and how it has to be told. Each kind is described once, below; whoever makes
 * resources asks for a property and never which kind it is.
 */
export interface ClientTakes {
  /** Of the kind, for logs; also what tells apart resources that differ by kind. */
  readonly name: string
  /** The `lb_policy` of a cluster that is best for it. */
  readonly lbPolicy: NonNullable<Cluster['lbPolicy']>
  /** Offers of a cluster's ALPN list only what fits what it is about to speak; otherwise it offers the whole list. */
  readonly choosesAlpn: boolean
  /** `retry_on` for requests whose route says nothing of retries. */
  readonly safeRetryOn: NonNullable<RetryPolicy['retryOn']>
  /** A retry policy of no retries, which still carries the limit of a try. */
  readonly noRetries: boolean
  /** Reads the limit of a request from `max_stream_duration` and not from `timeout`. */
  readonly maxStreamDuration: boolean
  /** `upgrade_configs` and `connect_matcher`: WebSocket, and CONNECT for Services that are forward proxies. */
  readonly upgrades: boolean
  /** `*` among the upgrades. */
  readonly anyUpgrade: boolean
  /** `path_separated_prefix`; otherwise a regular expression says the same. */
  readonly pathSeparatedPrefix: boolean
  /** Applies `prefix_rewrite`. */
  readonly prefixRewrite: boolean
  /** `redirect` and `direct_response`. */
  readonly ownAnswers: boolean
  /** Knows the name of the backend that does not exist (core/contract.ts); the others are told what status it means. */
  readonly invalidBackend: boolean
  /** Tries another endpoint by itself; the others are told (`retry_host_predicate`). */
  readonly retriesElsewhere: boolean
  /** Endpoints by locality; otherwise all of them are in one. */
  readonly localities: boolean
  /** Safe rules for paths are its default, and one of the version before, which knows no such fields, would refuse them. */
  readonly safePaths: boolean
  /**
   * Takes a changed cluster into use only after another response with its endpoints, changed or not (Envoy's "resource
   * warming"). The others keep the endpoints that they have.
   */
  readonly warmsEndpoints: boolean
}

// What surely never reached a server.
const NEVER_ARRIVED = 'connect-failure,refused-stream'

/** Weft's own proxy. */
export const SIDECAR: ClientTakes = {
  name: 'sidecar',
  lbPolicy: 'LEAST_REQUEST',
  choosesAlpn: true,
  // Envoy's retry_on has no word for "if the method is idempotent". A sidecar of ours adds that by itself.
  safeRetryOn: `${NEVER_ARRIVED},reset`,
  noRetries: true,
  maxStreamDuration: false,
  upgrades: true,
  anyUpgrade: true,
  pathSeparatedPrefix: true,
  prefixRewrite: true,
  ownAnswers: true,
  invalidBackend: true,
  retriesElsewhere: true,
  localities: false,
  safePaths: true,
  warmsEndpoints: false,
}

/**
 * A gRPC library without a proxy (gRFC A27, A28). It speaks plaintext, and refuses a whole route table for one word
 * that it does not know.
 */
export const GRPC_LIBRARY: ClientTakes = {
  name: 'grpc',
  // The only one of a library without a balancer policy of its own.
  lbPolicy: 'ROUND_ROBIN',
  choosesAlpn: true,
  safeRetryOn: NEVER_ARRIVED,
  noRetries: false,
  maxStreamDuration: true,
  upgrades: false,
  anyUpgrade: false,
  pathSeparatedPrefix: false,
  prefixRewrite: false,
  ownAnswers: false,
  invalidBackend: false,
  retriesElsewhere: false,
  localities: true,
  safePaths: false,
  warmsEndpoints: false,
}

/** Anything else. */
export const ENVOY: ClientTakes = {
  name: 'envoy',
  lbPolicy: 'LEAST_REQUEST',
  choosesAlpn: false,
  safeRetryOn: NEVER_ARRIVED,
  noRetries: true,
  maxStreamDuration: false,
  upgrades: true,
  anyUpgrade: false,
  pathSeparatedPrefix: true,
  prefixRewrite: true,
  ownAnswers: true,
  invalidBackend: false,
  retriesElsewhere: false,
  localities: true,
  safePaths: false,
  warmsEndpoints: true,
}

/** By the `user_agent_name` of a node; without one it is a sidecar. */
export function takesOf(userAgentName: string): ClientTakes {
  const agent = userAgentName.toLowerCase()
  if (agent.startsWith('grpc')) return GRPC_LIBRARY
  return agent === '' || agent.startsWith(USER_AGENT) ? SIDECAR : ENVOY
}
