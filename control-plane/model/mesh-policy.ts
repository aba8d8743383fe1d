export type MtlsMode = 'STRICT' | 'PERMISSIVE'

/** What a port does that no policy of ALLOW covers. */
export type DefaultDecision = 'Allow' | 'SameNamespace' | 'Deny'

/** Which decisions are logged beside those that policies of AUDIT name. */
export type AuditedDecisions = 'None' | 'Denied' | 'All'

/** What MeshPolicy says for the whole mesh, with what holds where it says nothing. */
export interface MeshSettings {
  readonly mtls: MtlsMode
  readonly decision: DefaultDecision
  readonly audit: AuditedDecisions
  /** Policies there, and the default decision for pods there, decide and are told, and refuse nobody. */
  readonly dryRunNamespaces: readonly string[]
  /** How long connections and streams may go on that a changed policy refuses; milliseconds. */
  readonly openConnectionsMs: number
  /** Exceptions, by namespace. */
  readonly namespaces: ReadonlyMap<string, NamespaceSettings>
}

export interface NamespaceSettings {
  readonly mtls: MtlsMode | undefined
  readonly decision: DefaultDecision | undefined
}

/** Without a MeshPolicy. */
export const MESH_PRESET: MeshSettings = {
  mtls: 'PERMISSIVE',
  decision: 'Allow',
  audit: 'None',
  dryRunNamespaces: [],
  openConnectionsMs: 5000,
  namespaces: new Map(),
}

/** A setting and where it was said, for people. */
export interface Said<T> {
  readonly value: T
  /** `MeshPolicy`, `MeshPolicy, namespaces`, `PeerAuthentication shop/strict`, or '' where nobody said anything. */
  readonly from: string
}

/** The mode of a namespace's pods where no PeerAuthentication says otherwise. */
export function mtlsOf(settings: MeshSettings, namespace: string): Said<MtlsMode> {
  return said(settings.namespaces.get(namespace)?.mtls, settings.mtls, settings)
}

export function decisionOf(settings: MeshSettings, namespace: string): Said<DefaultDecision> {
  return said(settings.namespaces.get(namespace)?.decision, settings.decision, settings)
}

function said<T>(own: T | undefined, mesh: T, settings: MeshSettings): Said<T> {
  if (own !== undefined) return { value: own, from: 'MeshPolicy, namespaces' }
  return { value: mesh, from: settings === MESH_PRESET ? '' : 'MeshPolicy' }
}
