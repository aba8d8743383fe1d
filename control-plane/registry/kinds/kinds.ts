import type { FieldProblem, Fields } from '../fields.ts'
import {
  readNamespace,
  readPod,
  readService,
  readServiceAccount,
  type NamespaceObject,
  type PodObject,
  type ServiceAccountObject,
  type ServiceObject,
} from './core.ts'
import type { AuthorizationPolicyObject } from './authorization-policy/policy.ts'
import { readAuthorizationPolicy } from './authorization-policy/read.ts'
import { readCanary, type CanaryObject } from './canary.ts'
import { readEndpointSlice, type EndpointSliceObject } from './endpoint-slice.ts'
import { readTcpRoute, readTlsRoute, type ConnectionRouteObject } from './connection-route.ts'
import { readGrpcRoute } from './grpc-route.ts'
import { readHttpRoute } from './http-route.ts'
import { readIdentityRevocation, type IdentityRevocationObject } from './identity-revocation.ts'
import { readMeshPolicy, type MeshPolicyObject } from './mesh-policy.ts'
import { readPeerAuthentication, type PeerAuthenticationObject } from './peer-authentication.ts'
import { readRequestAuthentication, type RequestAuthenticationObject } from './request-authentication.ts'
import { readXBackendTrafficPolicy, type XBackendTrafficPolicyObject } from './x-backend-traffic-policy.ts'
import type { RouteObject } from './route.ts'
import { readTrafficPolicy, type TrafficPolicyObject } from './traffic-policy/read.ts'

export type MeshObject =
  | NamespaceObject
  | ServiceAccountObject
  | ServiceObject
  | EndpointSliceObject
  | PodObject
  | RouteObject
  | ConnectionRouteObject
  | PeerAuthenticationObject
  | IdentityRevocationObject
  | CanaryObject
  | XBackendTrafficPolicyObject
  | TrafficPolicyObject
  | AuthorizationPolicyObject
  | RequestAuthenticationObject
  | MeshPolicyObject

export type Kind = MeshObject['kind']

const READERS: Readonly<Record<string, (object: Fields) => MeshObject>> = {
  'v1 Namespace': readNamespace,
  'v1 ServiceAccount': readServiceAccount,
  'v1 Service': readService,
  'v1 Pod': readPod,
  'discovery.k8s.io/v1 EndpointSlice': readEndpointSlice,
  'gateway.networking.k8s.io/v1 HTTPRoute': readHttpRoute,
  'gateway.networking.k8s.io/v1beta1 HTTPRoute': readHttpRoute,
  'gateway.networking.k8s.io/v1 GRPCRoute': readGrpcRoute,
  'gateway.networking.k8s.io/v1 TLSRoute': readTlsRoute,
  'gateway.networking.k8s.io/v1alpha3 TLSRoute': readTlsRoute,
  'gateway.networking.k8s.io/v1alpha2 TLSRoute': readTlsRoute,
  'gateway.networking.k8s.io/v1 TCPRoute': readTcpRoute,
  'gateway.networking.k8s.io/v1alpha2 TCPRoute': readTcpRoute,
  'gateway.networking.x-k8s.io/v1alpha1 XBackendTrafficPolicy': readXBackendTrafficPolicy,
  'weft.dev/v1alpha1 PeerAuthentication': readPeerAuthentication,
  'weft.dev/v1alpha1 IdentityRevocation': readIdentityRevocation,
  'weft.dev/v1alpha1 Canary': readCanary,
  'weft.dev/v1alpha1 TrafficPolicy': readTrafficPolicy,
  'weft.dev/v1alpha1 AuthorizationPolicy': readAuthorizationPolicy,
  'weft.dev/v1alpha1 RequestAuthentication': readRequestAuthentication,
  'weft.dev/v1alpha1 MeshPolicy': readMeshPolicy,
}

/**
 * Whether an object with problems stands in for what its author meant, and is stricter than that: where it was never read
 * well, it counts. One whose name is wrong is nobody's.
 */
export function failsClosed(object: MeshObject, problems: readonly FieldProblem[]): boolean {
  return 'unreadable' in object && object.unreadable && problems.every(({ path }) => path[0] !== 'metadata')
}

/** Undefined: a kind that the mesh does not read (Deployment, ConfigMap and so on). */
export function readerFor(apiVersion: string, kind: string): ((object: Fields) => MeshObject) | undefined {
  const key = `${apiVersion} ${kind}`
  return Object.hasOwn(READERS, key) ? READERS[key] : undefined
}
