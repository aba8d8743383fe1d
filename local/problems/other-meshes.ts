interface OtherMesh {
  readonly mesh: string
  /** What Weft takes instead, by kind. */
  readonly instead: Readonly<Record<string, string>>
}

const ROUTE = 'write an HTTPRoute (gateway.networking.k8s.io/v1) with the Service as its parent'
const VERSIONS = 'give each version a Service of its own, and split between them by an HTTPRoute'
const STRICT = 'write a PeerAuthentication of weft.dev/v1alpha1 with spec.mtls.mode'
const POLICY = 'write an AuthorizationPolicy of weft.dev/v1alpha1'
const NOTHING_NEEDED = 'take it out: Weft works this out from Services and pods'

const ISTIO: OtherMesh = {
  mesh: 'Istio',
  instead: {
    VirtualService: `${ROUTE}; weights, timeouts and retries are fields of its rules`,
    DestinationRule: VERSIONS,
    PeerAuthentication: 'write apiVersion: weft.dev/v1alpha1, with spec.mtls.mode STRICT or PERMISSIVE',
    AuthorizationPolicy: 'write apiVersion: weft.dev/v1alpha1; most fields have the same names',
    RequestAuthentication: 'check tokens in the application or at the way in: Weft does not read them',
    Gateway: 'keep the ingress that is there: Weft serves traffic between pods',
    ServiceEntry: 'take it out: connections to addresses outside the mesh pass through',
    Sidecar: NOTHING_NEEDED,
    WorkloadEntry: 'run it as a pod: Weft has no workloads outside',
    Telemetry: 'take it out: metrics and traces are always there; their share is --trace-sampling',
    EnvoyFilter: 'take it out: no sidecar of Weft is an Envoy',
  },
}

const LINKERD: OtherMesh = {
  mesh: 'Linkerd',
  instead: {
    ServiceProfile: `${ROUTE}; timeouts and retries are fields of its rules`,
    HTTPRoute: 'write apiVersion: gateway.networking.k8s.io/v1',
    GRPCRoute: 'write apiVersion: gateway.networking.k8s.io/v1',
    Server: STRICT,
    ServerAuthorization: POLICY,
    AuthorizationPolicy: POLICY,
    MeshTLSAuthentication: POLICY,
    NetworkAuthentication: POLICY,
  },
}

const SMI: OtherMesh = {
  mesh: 'SMI',
  instead: {
    TrafficSplit: `${ROUTE}; its backendRefs have weights`,
    TrafficTarget: POLICY,
    HTTPRouteGroup: ROUTE,
    TCPRoute: 'take it out: TCP follows its Service',
  },
}

const CONSUL: OtherMesh = {
  mesh: 'Consul',
  instead: {
    ServiceSplitter: ROUTE,
    ServiceRouter: ROUTE,
    ServiceIntentions: POLICY,
    ServiceResolver: VERSIONS,
  },
}
const KUMA: OtherMesh = {
  mesh: 'Kuma',
  instead: { MeshHTTPRoute: ROUTE, TrafficRoute: ROUTE, MeshTrafficPermission: POLICY, MeshRetry: ROUTE },
}

const GROUPS: readonly (readonly [suffix: string, mesh: OtherMesh])[] = [
  ['istio.io', ISTIO],
  ['linkerd.io', LINKERD],
  ['smi-spec.io', SMI],
  ['consul.hashicorp.com', CONSUL],
  ['kuma.io', KUMA],
]

/** An object of another mesh, and what Weft takes instead; undefined where it is none. */
export function otherMesh(
  apiVersion: string,
  kind: string,
): { readonly mesh: string; readonly instead: string } | undefined {
  const [group = ''] = apiVersion.split('/')
  const [, found] = GROUPS.find(([suffix]) => group === suffix || group.endsWith(`.${suffix}`)) ?? []
  if (!found) return undefined
  const instead = Object.hasOwn(found.instead, kind) ? found.instead[kind] : undefined
  return { mesh: found.mesh, instead: instead ?? 'take it out: Weft has nothing like it' }
}
