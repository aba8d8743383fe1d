const MESH_HTTP_ROUTE = [
  'BackendRequestHeaderModification',
  'NamedRouteRule',
  'QueryParamMatching',
  'RedirectPath',
  'RedirectPort',
  'RewritePath',
  'SchemeRedirect',
].map((name) => `MeshHTTPRoute${name}`)

const HTTP_ROUTE = [
  '303RedirectStatusCode',
  '307RedirectStatusCode',
  '308RedirectStatusCode',
  'BackendProtocolH2C',
  'BackendProtocolWebSocket',
  'BackendRequestHeaderModification',
  'BackendTimeout',
  'CORS',
  'HostRewrite',
  'MethodMatching',
  'NamedRouteRule',
  'ParentRefPort',
  'PathRedirect',
  'PathRewrite',
  'PortRedirect',
  'QueryParamMatching',
  'RequestMirror',
  'RequestMultipleMirrors',
  'RequestPercentageMirror',
  'RequestTimeout',
  'ResponseHeaderModification',
  'Retry',
  'RetryBackendTimeout',
  'RetryConnectionError',
  'SchemeRedirect',
].map((name) => `HTTPRoute${name}`)

/** What the mesh does of Gateway API 1.6, by the names of its package `pkg/features`; sorted, as XMesh has them. */
export const SUPPORTED_FEATURES: readonly string[] = [
  'GRPCRoute',
  'GRPCRouteNamedRouteRule',
  'HTTPRoute',
  'Mesh',
  'MeshClusterIPMatching',
  'MeshConsumerRoute',
  ...HTTP_ROUTE,
  ...MESH_HTTP_ROUTE,
].toSorted()
