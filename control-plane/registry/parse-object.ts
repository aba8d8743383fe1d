import { FieldReader, type FieldPath } from '../../core/manifest/fields.ts'
import type { MeshObject } from './objects.ts'
import {
  parseEndpointSlice,
  parseNamespace,
  parsePeerAuthentication,
  parsePod,
  parseService,
} from './parse-core.ts'
import { parseRoute } from './parse-route.ts'

const GATEWAY = 'gateway.networking.k8s.io'

/** A Kubernetes object as the mesh sees it; undefined: of a kind that the mesh does not read. Throws FieldError. */
export function parseObject(value: unknown, path: FieldPath = []): MeshObject | undefined {
  const object = new FieldReader(value, path)
  const apiVersion = object.required('apiVersion')
  const kind = object.required('kind')
  const metadata = (): FieldReader => {
    const child = object.child('metadata')
    if (!child) throw object.fail('metadata', 'is required')
    return child
  }
  switch (`${apiVersion}/${kind}`) {
    case 'v1/Namespace':
      return parseNamespace(object, metadata())
    case 'v1/Service':
      return parseService(object, metadata())
    case 'v1/Pod':
      return parsePod(object, metadata())
    case 'discovery.k8s.io/v1/EndpointSlice':
      return parseEndpointSlice(object, metadata())
    case 'weft.dev/v1alpha1/PeerAuthentication':
      return parsePeerAuthentication(object, metadata())
    case `${GATEWAY}/v1/HTTPRoute`:
    case `${GATEWAY}/v1beta1/HTTPRoute`:
      return parseRoute(object, metadata(), 'HTTPRoute')
    case `${GATEWAY}/v1/GRPCRoute`:
      return parseRoute(object, metadata(), 'GRPCRoute')
  }
  // Our own group and the route kinds, in a version that is not served, would be ignored in silence otherwise.
  if (
    apiVersion.startsWith('weft.dev/') ||
    (apiVersion.startsWith(`${GATEWAY}/`) && /^(HTTP|GRPC)Route$/.test(kind))
  )
    throw object.fail('apiVersion', `${apiVersion} ${kind} is not served here`)
  return undefined
}

/** `HTTPRoute/shop/catalog`: one object's key in a snapshot. */
export function objectKey(object: MeshObject): string {
  return object.kind === 'Namespace'
    ? `Namespace//${object.name}`
    : `${object.kind}/${object.namespace}/${object.name}`
}
