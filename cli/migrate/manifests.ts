import type { Json, JsonObject } from '../../injector/json-patch.ts'

/** An object of Kubernetes that is printed. */
export type Manifest = JsonObject & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: JsonObject
}

/** `namespace` and `name` of an object. */
export interface ObjectId {
  readonly namespace: string
  readonly name: string
}

export const GATEWAY_GROUP = 'gateway.networking.k8s.io'
const ROUTE_VERSION = `${GATEWAY_GROUP}/v1`
const WEFT_VERSION = 'weft.dev/v1alpha1'
/** Kubernetes: names of Services are labels (RFC 1035), all others may be longer. */
const LONGEST_NAME = 63

/** Without what is undefined, `{}` and `[]` said nowhere. */
export function withoutEmpty(object: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, Json] => {
      const [, value] = entry
      if (value === undefined) return false
      return typeof value !== 'object' || value === null || Object.keys(value).length > 0
    }),
  )
}

export function routeManifest(
  kind: 'HTTPRoute' | 'GRPCRoute' | 'TCPRoute' | 'TLSRoute',
  id: ObjectId,
  spec: JsonObject,
  annotations: Readonly<Record<string, string>> = {},
): Manifest {
  return { apiVersion: ROUTE_VERSION, kind, metadata: metadataOf(id, annotations), spec }
}

/** `targets`: Services by their name, or a route by its kind. */
export function trafficPolicy(
  id: ObjectId,
  targets: readonly { readonly kind: 'Service' | 'HTTPRoute'; readonly name: string }[],
  settings: JsonObject,
): Manifest {
  const targetRefs = targets.map(({ kind, name }) =>
    kind === 'Service' ? { kind, name } : { group: GATEWAY_GROUP, kind, name },
  )
  return weftManifest('TrafficPolicy', id, { targetRefs, ...settings })
}

export function peerAuthentication(id: ObjectId, mode: string, matchLabels?: JsonObject): Manifest {
  const selector = matchLabels && { matchLabels }
  return weftManifest('PeerAuthentication', id, { ...(selector && { selector }), mtls: { mode } })
}

/** An object of weft.dev. */
export function weftManifest(
  kind:
    | 'TrafficPolicy'
    | 'PeerAuthentication'
    | 'AuthorizationPolicy'
    | 'RequestAuthentication'
    | 'MeshPolicy',
  id: ObjectId,
  spec: JsonObject,
): Manifest {
  return { apiVersion: WEFT_VERSION, kind, metadata: metadataOf(id), spec }
}

export function serviceManifest(id: ObjectId, spec: JsonObject): Manifest {
  return { apiVersion: 'v1', kind: 'Service', metadata: metadataOf(id), spec }
}

/** A Service as the parent of a route. */
export function serviceParent(
  { namespace, name }: ObjectId,
  own: string,
  port: number | undefined,
): JsonObject {
  return withoutEmpty({
    group: '',
    kind: 'Service',
    namespace: namespace === own ? undefined : namespace,
    name,
    port,
  })
}

/** `name-suffix`, cut where it would be too long for a Service. */
export function nameWith(name: string, suffix: string): string {
  return `${name.slice(0, LONGEST_NAME - 1 - suffix.length).replace(/[-.]+$/, '')}-${suffix}`
}

function metadataOf(
  { namespace, name }: ObjectId,
  annotations: Readonly<Record<string, string>> = {},
): JsonObject {
  return withoutEmpty({ name, namespace, annotations })
}
