import {
  TAKES_JWT,
  TAKES_OUTLIER_DETECTION,
  TAKES_OWNERS,
  TAKES_RBAC,
  TAKES_ROUTE_LOG,
  TAKES_TAP,
  TAKES_TELEMETRY,
  TAKES_TRUST,
  USER_AGENT,
} from '../../core/contract.ts'
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
  /** Is told what TrafficPolicies, sessions and CORS say; one of the version before would refuse what it does not know. */
  readonly policies: boolean
  /** Balancers beyond that one and the ring of gRFC A42, with their configurations. */
  readonly lbConfigs: boolean
  /** Makes active health checks: in the protocol of the cluster, or in one that the check has to name. */
  readonly healthChecks: 'none' | 'as-requests' | 'named-codec'
  /** Knows what xDS has no word for: keys of metadata and of descriptors (core/contract.ts). */
  readonly weftMetadata: boolean
  /** Offers of a cluster's ALPN list only what fits what it is about to speak; otherwise it offers the whole list. */
  readonly choosesAlpn: boolean
  /** `retry_on` for requests whose route says nothing of retries. */
  readonly safeRetryOn: NonNullable<RetryPolicy['retryOn']>
  /** Makes calls of gRPC and nothing else, by routes in the words of gRFC A28 alone (call-route.ts). */
  readonly callsOnly: boolean
  /** Waits 15 s for a name that nobody serves, and whoever needs it waits along: each name gets something (absent.ts). */
  readonly waitsForNames: boolean
  /** How the endpoints of a cluster are spoken to. */
  readonly transport:
    | 'by-endpoint'
    /** One way for all of a cluster, since `transport_socket_matches` is refused: plaintext ... */
    | 'plaintext'
    /** ... or mutual TLS where all have a sidecar, with the certificates that its bootstrap names. */
    | 'certificate-provider'
  /** `*` among the upgrades. */
  readonly anyUpgrade: boolean
  /** Knows the name of the backend that does not exist (core/contract.ts); the others are told what status it means. */
  readonly invalidBackend: boolean
  /** Tries another endpoint by itself; the others are told (`retry_host_predicate`). */
  readonly retriesElsewhere: boolean
  /** Endpoints by locality always; otherwise all of them are in one, but where `nearestFirst` says so. */
  readonly localities: boolean
  /** Tells near endpoints from far ones by its own zone and node alone, where a cluster says so. */
  readonly nearestFirst: boolean
  /** Safe rules for paths are its default, and one of the version before, which knows no such fields, would refuse them. */
  readonly safePaths: boolean
  /** Decides who may by RBAC; one that knows no such filter refuses whatever a policy of its pod would decide on. */
  readonly authorization: boolean
  /** Verifies tokens of users; by one that does not, nobody reaches a pod for whose callers that is asked. */
  readonly tokens: boolean
  /** Keeps its pod to one endpoint of a cluster whose metadata says so (core/contract.ts). */
  readonly clientAffinity: boolean
  /**
   * Takes a changed cluster into use only after another response with its endpoints, changed or not (Envoy's "resource
   * warming"). The others keep the endpoints that they have.
   */
  readonly warmsEndpoints: boolean
  /** `outlier_detection`: refused, or taken, where ejections stay within the share that it says or stop beyond it. */
  readonly outlierDetection: 'none' | 'within' | 'beyond'
  /** Is told for its telemetry what the workloads of endpoints are called. */
  readonly owners: boolean
  /** Is told whom the mesh trusts beside its own domain, and whom no more; Envoy and libraries have no word for it. */
  readonly trust: 'told' | 'untold' | 'too-old'
  /** Is told what its pod and namespace say of its telemetry. */
  readonly telemetry: boolean
  /** Is told whether it may be tapped. */
  readonly tap: boolean
  /** Is told more of a route's access log than its mode. */
  readonly routeLog: boolean
}

// What surely never reached a server.
const NEVER_ARRIVED = 'connect-failure,refused-stream'

/** Weft's own proxy. */
export const SIDECAR: ClientTakes = {
  name: 'sidecar',
  lbPolicy: 'LEAST_REQUEST',
  policies: true,
  lbConfigs: true,
  healthChecks: 'as-requests',
  weftMetadata: true,
  choosesAlpn: true,
  // Envoy's retry_on has no word for "if the method is idempotent". A sidecar of ours adds that by itself.
  safeRetryOn: `${NEVER_ARRIVED},reset`,
  callsOnly: false,
  waitsForNames: false,
  transport: 'by-endpoint',
  anyUpgrade: true,
  invalidBackend: true,
  retriesElsewhere: true,
  localities: false,
  nearestFirst: true,
  safePaths: true,
  authorization: true,
  tokens: true,
  clientAffinity: true,
  warmsEndpoints: false,
  outlierDetection: 'within',
  owners: true,
  trust: 'told',
  telemetry: true,
  tap: true,
  routeLog: true,
}

/** One of a version that would refuse a route that says more of its access log than a mode. */
export const SIDECAR_WITHOUT_ROUTE_LOG: ClientTakes = {
  ...SIDECAR,
  name: 'sidecar-without-route-log',
  routeLog: false,
}

/** One of a version that would refuse a listener that says whether it may be tapped. */
export const SIDECAR_WITHOUT_TAP: ClientTakes = {
  ...SIDECAR_WITHOUT_ROUTE_LOG,
  name: 'sidecar-without-tap',
  tap: false,
}

/** One of a version that would refuse endpoints whose metadata names their workloads. */
export const SIDECAR_WITHOUT_OWNERS: ClientTakes = {
  ...SIDECAR_WITHOUT_TAP,
  name: 'sidecar-without-owners',
  owners: false,
}

/** One of a version without authorization and tokens, which would refuse a listener that says whom the mesh trusts no more. */
export const SIDECAR_WITHOUT_RBAC: ClientTakes = {
  ...SIDECAR_WITHOUT_OWNERS,
  name: 'sidecar-without-rbac',
  authorization: false,
  tokens: false,
  trust: 'too-old',
}

/** One of the version before that, which says of no field that it takes it. */
export const SIDECAR_BEFORE: ClientTakes = {
  ...SIDECAR_WITHOUT_RBAC,
  name: 'sidecar-before',
  policies: false,
  weftMetadata: false,
  nearestFirst: false,
  outlierDetection: 'none',
}

/**
 * A gRPC library without a proxy (gRFC A27, A28): those of Go, Java, Node and C++. It refuses a whole route table, and
 * Go and Java a whole cluster, for one word that it does not know.
 */
export const GRPC_LIBRARY: ClientTakes = {
  name: 'grpc',
  // The only one of a library without a balancer policy of its own.
  lbPolicy: 'ROUND_ROBIN',
  policies: true,
  lbConfigs: false,
  healthChecks: 'none',
  weftMetadata: false,
  choosesAlpn: true,
  safeRetryOn: NEVER_ARRIVED,
  callsOnly: true,
  waitsForNames: true,
  transport: 'plaintext',
  anyUpgrade: false,
  invalidBackend: false,
  retriesElsewhere: false,
  localities: true,
  nearestFirst: false,
  safePaths: false,
  authorization: false,
  tokens: false,
  clientAffinity: false,
  warmsEndpoints: false,
  outlierDetection: 'beyond',
  owners: false,
  trust: 'untold',
  telemetry: false,
  tap: false,
  routeLog: false,
}

/** One whose bootstrap asks for mutual TLS (gRFC A29). */
export const GRPC_LIBRARY_MTLS: ClientTakes = {
  ...GRPC_LIBRARY,
  name: 'grpc-mtls',
  transport: 'certificate-provider',
}

/**
 * The library of Java (1.85): an endpoint that leaves while a call is on its way to it takes along what its outlier
 * detection counts by (OutlierDetectionLoadBalancer.EndpointTracker is null then), and that call never ends, not even at
 * its deadline. So it is told of none.
 */
export const GRPC_JAVA: ClientTakes = { ...GRPC_LIBRARY, name: 'grpc-java', outlierDetection: 'none' }

/** The same where its bootstrap asks for mutual TLS. */
export const GRPC_JAVA_MTLS: ClientTakes = {
  ...GRPC_LIBRARY_MTLS,
  name: 'grpc-java-mtls',
  outlierDetection: 'none',
}

/** Anything else. */
export const ENVOY: ClientTakes = {
  name: 'envoy',
  lbPolicy: 'LEAST_REQUEST',
  policies: true,
  lbConfigs: true,
  healthChecks: 'named-codec',
  weftMetadata: false,
  choosesAlpn: false,
  safeRetryOn: NEVER_ARRIVED,
  callsOnly: false,
  waitsForNames: false,
  transport: 'by-endpoint',
  anyUpgrade: false,
  invalidBackend: false,
  retriesElsewhere: false,
  localities: true,
  nearestFirst: false,
  safePaths: false,
  authorization: true,
  tokens: true,
  clientAffinity: false,
  warmsEndpoints: true,
  outlierDetection: 'within',
  owners: false,
  trust: 'untold',
  telemetry: false,
  tap: false,
  routeLog: false,
}

/** What a node says of itself, beside its name. */
export interface NodeWords {
  /** A library asks for mutual TLS. */
  readonly mtls?: boolean
  /** Fields that a sidecar takes (NODE_TAKES). */
  readonly takes?: readonly string[]
}

/** What a sidecar takes since one and the same version. */
const OF_ONE_VERSION = [TAKES_RBAC, TAKES_JWT, TAKES_TRUST, TAKES_TELEMETRY]

/** By the `user_agent_name` of a node; without one it is a sidecar. */
export function takesOf(userAgentName: string, { mtls = false, takes = [] }: NodeWords = {}): ClientTakes {
  const agent = userAgentName.toLowerCase()
  if (agent.startsWith('grpc java')) return mtls ? GRPC_JAVA_MTLS : GRPC_JAVA
  if (agent.startsWith('grpc')) return mtls ? GRPC_LIBRARY_MTLS : GRPC_LIBRARY
  if (agent !== '' && !agent.startsWith(USER_AGENT)) return ENVOY
  if (!takes.includes(TAKES_OUTLIER_DETECTION)) return SIDECAR_BEFORE
  if (!OF_ONE_VERSION.every((word) => takes.includes(word))) return SIDECAR_WITHOUT_RBAC
  if (!takes.includes(TAKES_OWNERS)) return SIDECAR_WITHOUT_OWNERS
  if (!takes.includes(TAKES_TAP)) return SIDECAR_WITHOUT_TAP
  return takes.includes(TAKES_ROUTE_LOG) ? SIDECAR : SIDECAR_WITHOUT_ROUTE_LOG
}
