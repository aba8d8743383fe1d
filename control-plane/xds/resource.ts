import type { MessageType } from '../../core/xds/codec.ts'
import {
  Cluster,
  ClusterLoadAssignment,
  Listener,
  RouteConfiguration,
} from '../../core/xds/generated/envoy.js'
import * as typeUrls from '../../core/xds/type-urls.ts'

export interface Messages {
  readonly listener: Listener
  readonly route: RouteConfiguration
  readonly cluster: Cluster
  readonly endpoints: ClusterLoadAssignment
}

export type ResourceType = keyof Messages

/** In the order in which changes are pushed. */
export const RESOURCE_TYPES: readonly ResourceType[] = ['cluster', 'endpoints', 'listener', 'route']

export const TYPE_URLS: Readonly<Record<ResourceType, string>> = {
  listener: typeUrls.LISTENER,
  route: typeUrls.ROUTE,
  cluster: typeUrls.CLUSTER,
  endpoints: typeUrls.ENDPOINT,
}

export const CODECS: { readonly [T in ResourceType]: MessageType<Messages[T]> } = {
  listener: Listener,
  route: RouteConfiguration,
  cluster: Cluster,
  endpoints: ClusterLoadAssignment,
}

export function encode<T extends ResourceType>(type: T, message: Messages[T]): Uint8Array {
  return CODECS[type].encode(message)
}

/** One xDS resource, encoded once for all clients that get the same. */
export interface MeshResource<T extends ResourceType = ResourceType> {
  readonly type: T
  readonly typeUrl: string
  readonly name: string
  /** Hash of the content: stays while the content stays, also across restarts. */
  readonly version: string
  readonly message: Messages[T]
  readonly body: Uint8Array
}

/** How to make a resource, and what it is made of: while every part is the same, so is the resource. */
export interface Plan<T extends ResourceType> {
  /** Tells apart what clients see under one name. */
  readonly variant: string
  readonly parts: readonly unknown[]
  readonly make: () => Messages[T]
}
