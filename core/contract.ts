// What images of one mesh agree on: names and numbers that two or more of sidecar, init container, control plane,
// injector and command line write and read. Each stands here once. An image of the version before may be at the other
// end: a change of one of these is a change of the protocol between them.

// The pod of the mesh.

/** On a namespace or pod, `enabled` or `disabled`: whether it takes part in the mesh. */
export const INJECT_LABEL = 'weft.dev/inject'
/** On every injected pod, for selectors. */
export const INJECTED_LABEL = 'weft.dev/injected'
/** On every injected pod: JSON {version, order, initContainers, containers, volumes}. */
export const STATUS_ANNOTATION = 'weft.dev/status'
/** On every injected pod whose capture rules a CNI plugin sets: the arguments of `weft init` that say which, a JSON list. */
export const CAPTURE_ANNOTATION = 'weft.dev/capture'
/** Before the names of a pod's settings (injector/annotations.ts lists them). */
export const ANNOTATION_PREFIX = 'weft.dev/'
/** The setting that the control plane reads, too: inbound ports whose protocol is not detected, in a comma list. */
export const OPAQUE_PORTS = 'opaque-ports'
/** So are these: how names of HTTP/1.1 fields are written, and what is said of the caller. */
export const FIELD_CASE = 'field-case'
export const FORWARDED_HEADERS = 'forwarded-headers'
/** And this: ports whose application wants the PROXY protocol, `8080=v2` in a comma list (core/proxy-protocol.ts). */
export const PROXY_PROTOCOL = 'proxy-protocol'

/** Names of the containers, and of the images that they run. */
export const PROXY_CONTAINER = 'weft-proxy'
export const INIT_CONTAINER = 'weft-init'

/** Whose connections are not captured. */
export const PROXY_UID = 1337
export const PROXY_GID = 1337

/** Where captured connections go. */
export const OUTBOUND_PORT = 15001
export const INBOUND_PORT = 15006
/** On the pod's loopback address alone. */
export const ADMIN_PORT = 15000
export const HEALTH_PORT = 15021
export const METRICS_PORT = 15090
/** Ports that the sidecar answers itself; 15020 is kept for merged metrics. Never captured. */
export const OWN_INBOUND_PORTS: readonly number[] = [ADMIN_PORT, 15020, HEALTH_PORT, METRICS_PORT]
/** Ports that an application in a meshed pod can't have, and that are never of the mesh. */
export const RESERVED_PORTS: readonly number[] = [...OWN_INBOUND_PORTS, OUTBOUND_PORT, INBOUND_PORT]

/**
 * Readiness of every part: 200 or 503. On HEALTH_PORT 200 once the sidecar has its certificate and configuration, 503
 * before and while it drains.
 */
export const READY_PATH = '/ready'

/** Environment of the sidecar: its pod, as the downward API has it. */
export const POD_NAME_VARIABLE = 'POD_NAME'
export const POD_NAMESPACE_VARIABLE = 'POD_NAMESPACE'
export const POD_IPS_VARIABLE = 'POD_IPS'
export const SERVICE_ACCOUNT_VARIABLE = 'SERVICE_ACCOUNT'
export const POD_UID_VARIABLE = 'POD_UID'
export const NODE_NAME_VARIABLE = 'NODE_NAME'
/** Its zone, as the pod's label ZONE_LABEL has it; '' where that is not set. */
export const ZONE_VARIABLE = 'WEFT_ZONE'
/** Kubernetes from 1.35 on copies it from the node to its pods. */
export const ZONE_LABEL = 'topology.kubernetes.io/zone'
/** OpenTelemetry's own: what names the pod beside those (resource-attributes.ts). An injector of the version before sets none. */
export const RESOURCE_ATTRIBUTES_VARIABLE = 'OTEL_RESOURCE_ATTRIBUTES'
/** And the probes that it makes for the kubelet: JSON of AppProbes (app-probe.ts). */
export const APP_PROBES_VARIABLE = 'WEFT_APP_PROBES'
/** And what its annotation PROXY_PROTOCOL says: for those probes, and for what the pod sends to itself. */
export const PROXY_PROTOCOL_VARIABLE = 'WEFT_PROXY_PROTOCOL'

/** Files that are mounted into the sidecar, and its own directory. */
export const TOKEN_DIRECTORY = '/var/run/secrets/weft/token'
export const TOKEN_FILE = `${TOKEN_DIRECTORY}/token`
export const CA_DIRECTORY = '/var/run/secrets/weft/ca'
export const STATE_DIRECTORY = '/var/lib/weft'
/** Where applications whose traces are stitched find what they are started with; their sidecar writes it. */
export const STITCH_DIRECTORY = '/var/run/weft/stitch'
export const STITCH_FILE = 'stitch.cjs'
/** Of the service account tokens in TOKEN_FILE. */
export const TOKEN_AUDIENCE = 'weft'

// The installation.

/** Where Weft is installed unless somebody says otherwise. */
export const SYSTEM_NAMESPACE = 'weft-system'

/** Name of its Deployment, Service, ServiceAccount, ClusterRole and image. */
export const CONTROL_PLANE = 'weft-control-plane'
/** Discovery, signing and OTLP, over gRPC and TLS. */
export const GRPC_PORT = 15012
/** Dashboard, REST, liveness and readiness. */
export const HTTP_PORT = 15080
/** Dashboard and REST over TLS, where it is asked for. */
export const HTTPS_PORT = 15443
/**
 * On requests of the command line, which come through the API server with its name in Host. Scripts of a web page can send
 * no field that begins with Sec- (Fetch standard, forbidden request-header), so none gets past the check of Host by it.
 */
export const API_CLIENT_HEADER = 'sec-weft-client'
/**
 * On requests that change something; its value says what sends them. A page of another site can send it only after the browser
 * asked whether it may (CORS), which nobody here answers.
 */
export const API_ACTION_HEADER = 'x-weft-client'
/** `Authorization` where that does not come through: the API server's proxy keeps it for itself. */
export const API_TOKEN_HEADER = 'x-weft-authorization'
/** By which an authenticating proxy proves that it is the one who names the user (X-Forwarded-User). */
export const PROXY_SECRET_HEADER = 'x-weft-proxy-secret'
/** Audience of tokens that open the REST pages and nothing else. */
export const DASHBOARD_AUDIENCE = 'weft-dashboard'
/** Audience of tokens that replicas of the control plane show each other, and where the kubelet puts one. */
export const REPLICA_AUDIENCE = 'weft-replica'
export const REPLICA_TOKEN_PATH = '/var/run/secrets/weft/replica/token'

/** Name of its Deployment, Service, ServiceAccount, MutatingWebhookConfiguration and image. */
export const INJECTOR = 'weft-injector'
export const WEBHOOK_PORT = 15017

/** Name of the CNI plugin: its program on nodes, its entry in their network configuration, its DaemonSet and image. */
export const CNI_PLUGIN = 'weft-cni'
/** Of its daemon, on the node's loopback address: whether the plugin is in place. */
export const CNI_HEALTH_PORT = 15024
/** On pods that are held back because nobody captures their traffic: `true`. */
export const UNCAPTURED_LABEL = 'weft.dev/uncaptured'
/** Exit code of the init container of a pod whose traffic nobody captures. */
export const NOT_CAPTURED_EXIT = 41

/** The Lease that one replica of the control plane holds, which alone writes. */
export const LEADER_LEASE = 'weft-control-plane-leader'
/** The Secret with the mesh's CA. */
export const CA_SECRET = 'weft-ca'
/** The Secret with the webhook's serving certificate, of type kubernetes.io/tls. */
export const WEBHOOK_SECRET = 'weft-injector-tls'
/** The ConfigMap of every namespace of the mesh with the trust bundle, its key, and the file that pods see. */
export const BUNDLE_CONFIG_MAP = 'weft-ca'
export const BUNDLE_KEY = 'root-cert.pem'
export const CA_FILE = `${CA_DIRECTORY}/${BUNDLE_KEY}`
/** The ConfigMap of the installation with the last good keys of token issuers, and its key. */
export const TOKEN_KEYS_CONFIG_MAP = 'weft-token-keys'
export const TOKEN_KEYS_KEY = 'keys.json'

/** `controllerName` of the parents in a route's status (Gateway API, RouteParentStatus). */
export const CONTROLLER_NAME = 'weft.dev/control-plane'

/** DNS name of a Service of the installation, without the cluster's domain. */
export function systemServiceHost(service: string, namespace: string = SYSTEM_NAMESPACE): string {
  return `${service}.${namespace}.svc`
}

// The link between two sidecars.

/** ALPN of HTTP of the mesh: all of a connection's requests are HTTP/2, whatever they began as. */
export const ALPN_LINK = 'weft-h2'
/** ALPN of opaque bytes of the mesh. */
export const ALPN_TCP = 'weft-tcp'
/**
 * Type of a frame that a caller sends once on a connection of its link, behind its SETTINGS: what its workload is called
 * (core/peer-workload.ts). Of those kept for experiments (RFC 9113 section 11.2): who does not know it ignores it (section 5.5).
 */
export const PEER_FRAME = 0xf5
/** `2`: a request on the link began as HTTP/2. Nobody else may say so. */
export const PROTOCOL_HEADER = 'x-weft-http'
/**
 * On a request for an upgrade over the link: its sender knows the same field in an answer with a 2xx, which says that the
 * application ignored the upgrade; HTTP/2 by itself would take that for yes (RFC 8441 section 5). Its value in the request is the
 * method, for which extended CONNECT has no place.
 */
export const UPGRADE_HEADER = 'x-weft-upgrade'
/**
 * On a message of HTTP/1.1 on the link whose names are not all in lower case: those that are not, as they are written, in
 * a comma list. Only sidecars write and read it; what anybody else sends of it is dropped.
 */
export const SPELLING_HEADER = 'x-weft-spelling'
/**
 * SETTINGS of a sidecar that reads SPELLING_HEADER: 1. Of those kept for experiments (RFC 9113 section 11.3); one of the
 * version before ignores it, and gets no such field once it has sent its own SETTINGS.
 */
export const SPELLING_SETTING = 0xf0e1
/**
 * `1` on an answer over the link: the sidecar gave it to keep its application from too much, which never saw the request. It
 * says nothing bad of the endpoint. Whatever anybody else sends of it is dropped.
 */
export const SHED_HEADER = 'x-weft-shed'
/** Envoy's, of which a sidecar writes the elements By and URI. */
export const CLIENT_CERTIFICATE_HEADER = 'x-forwarded-client-cert'

// xDS.

/** A sidecar's `user_agent_name`, and the keys of its node's metadata. */
export const USER_AGENT = 'weft'
export const NODE_NAMESPACE = 'NAMESPACE'
export const NODE_POD_NAME = 'POD_NAME'
/** The version of Node.js that a sidecar runs on, e.g. `26.12.1`. */
export const NODE_RUNTIME = 'NODEJS_VERSION'
/** Which fields a sidecar takes that one of the version before refuses, with spaces between; the names stand below. */
export const NODE_TAKES = 'TAKES'
export const TAKES_OUTLIER_DETECTION = 'outlier_detection'
/** Authorization: RBAC in chains of connections and of requests. */
export const TAKES_RBAC = 'rbac'
/** Whom the mesh trusts beside its own domain, and whom no more (METADATA_TRUST). */
export const TAKES_TRUST = 'trust'
/** Tokens of users. */
export const TAKES_JWT = 'jwt_authn'
/** What the workloads of endpoints are called (METADATA_OWNER). */
export const TAKES_OWNERS = 'owners'
/** What is said of its own telemetry (METADATA_TELEMETRY, METADATA_ACCESS_LOG). */
export const TAKES_TELEMETRY = 'telemetry'
/** Whether it may be tapped. */
export const TAKES_TAP = 'tap'
/** More than a mode of a route's access log (METADATA_ACCESS_LOG). */
export const TAKES_ROUTE_LOG = 'route_log'
/** `true` in the bootstrap of a gRPC library without a sidecar: it has certificates, and asks for mutual TLS. */
export const NODE_MUTUAL_TLS = 'MUTUAL_TLS'
/** The one of `certificate_providers` in its bootstrap that holds them (gRFC A29). */
export const CERTIFICATE_PROVIDER = 'weft-identity'

/** The listener that every sidecar asks for: the ports of its own pod, and who may reach them. */
export const INBOUND_LISTENER = 'inbound'
/** Before `<ip>:<port>`, IPv6 in brackets: the listener of what the pod connects to. */
export const OUTBOUND_LISTENER_PREFIX = 'outbound/'
/** `upgrade_type` of any protocol but CONNECT. One of the version before takes it for a name that nobody asks for. */
export const ANY_UPGRADE = '*'
/**
 * Stands in a weighted cluster for a backend reference that is invalid; there is never a cluster of this
 * name, and its share is answered with 500 (Gateway API, HTTPBackendRef).
 */
export const INVALID_BACKEND = 'weft.invalid-backend'
/**
 * What a gRPC library without a sidecar is led to where a call cannot go anywhere: clusters without endpoints, whose
 * names it quotes when it fails the call. Before `/` and the rule, or the name that was asked for.
 */
export const REDIRECT_OF_A_CALL = 'weft.redirect-is-not-for-grpc'
export const NO_SUCH_TARGET = 'weft.no-such-target'

/** Secrets that a sidecar resolves itself. */
export const OWN_CERTIFICATE_SECRET = 'default'
export const TRUST_BUNDLE_SECRET = 'ROOTCA'

/** Key of `filter_metadata` for what xDS has no field for, and the keys below it. */
export const METADATA = 'weft.dev'
/** Of a cluster: its Service as `name.namespace`. */
export const METADATA_SERVICE = 'service'
/** And how long the heads of its answers may be, in KiB: Envoy's max_response_headers_kb, which is newer than what we know. */
export const METADATA_MAX_RESPONSE_HEADERS_KB = 'maxResponseHeadersKb'
/**
 * And that requests go by peak EWMA, for which xDS has no word: {decayMs, penaltyMs}, and for slow start {slowStartMs,
 * aggression, minWeightPercent}.
 */
export const METADATA_PEAK_EWMA = 'peakEwma'
/** And what counts as failure of an endpoint beside 5xx: `{statuses: [429], grpcStatuses: [14]}`. */
export const METADATA_OUTLIER = 'outlier'
/**
 * And for how long after its last pick an endpoint is a caller's only one, in milliseconds: `sessionAffinity: ClientIP` of a
 * Service. A sidecar has one caller, its pod, so that it need not be told apart by its address.
 */
export const METADATA_CLIENT_AFFINITY = 'clientAffinityMs'
/** Of an endpoint: its SPIFFE ID, and its pod as `name.namespace`. */
export const METADATA_IDENTITY = 'identity'
export const METADATA_WORKLOAD = 'workload'
/** And for telemetry what that pod's workload is called (core/peer-workload.ts). */
export const METADATA_OWNER = 'owner'
/** Of a route, true: also requests that are not idempotent are retried. */
export const METADATA_RETRY_NON_IDEMPOTENT = 'retryNonIdempotent'
/** Of a route whose requests are tied to endpoints: when a session ends, since it began and since it was used. Milliseconds. */
export const METADATA_SESSION_ABSOLUTE_MS = 'sessionAbsoluteMs'
export const METADATA_SESSION_IDLE_MS = 'sessionIdleMs'

/** Of a route, true: the share of a backend without a usable endpoint goes to the others. */
export const METADATA_FAILOVER = 'failover'
/** Of a route: idempotent requests without an answer after {afterMs} are tried elsewhere, too, {max} times. */
export const METADATA_HEDGE = 'hedge'
/** Of a listener: the request field that says how important a request is, for adaptive concurrency. */
export const METADATA_PRIORITY_HEADER = 'priorityHeader'

/** Key of a rate limit's descriptor that sidecars fill with who calls: a verified SPIFFE ID, or an address. */
export const CALLER_DESCRIPTOR = 'weft.dev/caller'
/** And that which tells the limits of a port apart: `namespace/service/index`. */
export const LIMIT_DESCRIPTOR = 'weft.dev/limit'

/**
 * Of a listener: within how many milliseconds what is open is ended where its filters of authorization have come to refuse it.
 */
export const METADATA_OPEN_CONNECTIONS_MS = 'openConnectionsMs'
/** And which decisions of authorization are logged, beside those that a rule asks for: `Denied` or `All`. */
export const METADATA_AUDIT = 'audit'
/** Of a listener: what `;` in a path means to its connection managers (docs/paths.md). */
export const METADATA_PATH_PARAMETERS = 'pathParameters'
/** Of a listener: HTTP/1.1 callers that end their side still wait for the answer. */
export const METADATA_KEEP_HALF_CLOSED = 'keepHalfClosed'

/** Of a listener, true: names of HTTP/1.1 fields are sent in lower case, not as they were written. */
export const METADATA_LOWER_CASE_FIELDS = 'lowerCaseFields'
/** Of a listener, true: what callers say of who and where they are is dropped (x-forwarded-for and its kin). */
export const METADATA_SANITIZE_FORWARDED = 'sanitizeForwarded'

/**
 * Of the listener `inbound`, for all that the sidecar does as server and as caller: whom the mesh trusts beside its own
 * domain, and whom it trusts no more (core/mesh-trust.ts). xDS has CRLs, which each issuing CA would have to sign,
 * those that were rotated out, too; and they name no identities.
 */
export const METADATA_TRUST = 'trust'

/**
 * Of the listener `inbound`, for all that the sidecar tells: annotations of its pod and namespace by name, as they are written
 * (core/telemetry-settings.ts).
 */
export const METADATA_TELEMETRY = 'telemetry'
/**
 * Of a route: which of its requests stand in the access log, whatever the sidecar's own settings. Its mode as text, or annotations by
 * name, as they are written (core/telemetry-settings.ts).
 */
export const METADATA_ACCESS_LOG = 'accessLog'

/** Key of an endpoint's `filter_metadata` that a cluster's `transport_socket_matches` look at (Envoy's). */
export const METADATA_TRANSPORT_MATCH = 'envoy.transport_socket_match'
/** What stands there for a pod of the mesh. */
export const MESH_TRANSPORT = { tlsMode: 'weft' } as const
