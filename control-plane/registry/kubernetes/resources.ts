import type { Fields } from '../fields.ts'
import { readerFor, type Kind, type MeshObject } from '../kinds/kinds.ts'

/** A kind that is listed and watched. */
export interface WatchedKind {
  readonly kind: Kind
  readonly apiVersion: string
  /** `/apis/GROUP/VERSION/PLURAL` */
  readonly path: string
  /** From a CustomResourceDefinition: it may not be installed, and may come while we run. */
  readonly custom: boolean
  readonly read: (object: Fields) => MeshObject
}

/** All that is read of a cluster, and no more: the RBAC rules of the chart are these with get, list and watch. */
export const WATCHED_KINDS: readonly WatchedKind[] = [
  watched('v1', 'Namespace', 'namespaces'),
  watched('v1', 'ServiceAccount', 'serviceaccounts'),
  watched('v1', 'Service', 'services'),
  watched('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
  watched('v1', 'Pod', 'pods'),
  watched('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes', true),
  watched('gateway.networking.k8s.io/v1', 'GRPCRoute', 'grpcroutes', true),
  watched('gateway.networking.k8s.io/v1', 'TLSRoute', 'tlsroutes', true),
  watched('gateway.networking.k8s.io/v1', 'TCPRoute', 'tcproutes', true),
  watched('gateway.networking.x-k8s.io/v1alpha1', 'XBackendTrafficPolicy', 'xbackendtrafficpolicies', true),
  watched('weft.dev/v1alpha1', 'PeerAuthentication', 'peerauthentications', true),
  watched('weft.dev/v1alpha1', 'IdentityRevocation', 'identityrevocations', true),
  watched('weft.dev/v1alpha1', 'Canary', 'canaries', true),
  watched('weft.dev/v1alpha1', 'TrafficPolicy', 'trafficpolicies', true),
  watched('weft.dev/v1alpha1', 'AuthorizationPolicy', 'authorizationpolicies', true),
  watched('weft.dev/v1alpha1', 'RequestAuthentication', 'requestauthentications', true),
  watched('weft.dev/v1alpha1', 'MeshPolicy', 'meshpolicies', true),
]

function watched(apiVersion: string, kind: Kind, plural: string, custom = false): WatchedKind {
  const read = readerFor(apiVersion, kind)
  if (!read) throw new Error(`there is no reader of ${apiVersion} ${kind}`)
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return { kind, apiVersion, path: `${root}/${plural}`, custom, read }
}
