import type { MessageType } from './codec.ts'

const PREFIX = 'type.googleapis.com/'

/** Type URLs of the four resource kinds. */
export const LISTENER = `${PREFIX}envoy.config.listener.v3.Listener`
export const ROUTE = `${PREFIX}envoy.config.route.v3.RouteConfiguration`
export const CLUSTER = `${PREFIX}envoy.config.cluster.v3.Cluster`
export const ENDPOINT = `${PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`

export function typeUrl(type: MessageType<unknown>): string {
  return PREFIX + type.typeName
}

/** Full message name of a type URL: what follows its last slash. */
export function typeNameOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}
