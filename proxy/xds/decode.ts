import {
  Cluster as WireCluster,
  ClusterLoadAssignment,
  Listener as WireListener,
  RouteConfiguration as WireRouteConfiguration,
} from '../../core/xds/generated/envoy.js'
import type { AnyValue } from '../../core/xds/any.ts'
import { readServed } from '../../core/xds/check.ts'
import type { MessageType } from '../../core/xds/codec.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Cluster, EndpointAssignment } from '../model/cluster.ts'
import type { Listener } from '../model/listener.ts'
import type { RouteConfiguration } from '../model/route.ts'
import { decodeAssignment, decodeCluster } from './decode-cluster.ts'
import { decodeListener } from './decode-listener.ts'
import { decodeRouteConfiguration } from './decode-route.ts'
import type { ReadFile } from './decode-tls.ts'
import { Scope } from './scope.ts'

export type ResourceKind = 'listener' | 'route' | 'cluster' | 'endpoints'

export interface Decoded {
  readonly listener: Listener
  readonly route: RouteConfiguration
  readonly cluster: Cluster
  readonly endpoints: EndpointAssignment
}

/** A resource in its model form, frozen, or what is wrong with it, one line a field. */
export type DecodeResult<K extends ResourceKind> =
  | { readonly ok: true; readonly value: Decoded[K] }
  | { readonly ok: false; readonly problems: readonly string[] }

// The table takes no file names of a server; should it ever, none is read.
const noFiles: ReadFile = () => {
  throw new WeftError('xds.filename', 'files are not read for resources of a server: use SDS or inline')
}

/** Checks a resource against the table of what is served (core/xds/served), then reads it. */
export function decodeResource<K extends ResourceKind>(kind: K, any: AnyValue): DecodeResult<K> {
  const scope = new Scope()
  let value: unknown
  try {
    value = decodeKind(kind, any, scope)
  } catch (error) {
    return { ok: false, problems: [describeError(error)] }
  }
  if (scope.problems.length > 0)
    return { ok: false, problems: scope.problems.map((problem) => describeError(problem)) }
  return { ok: true, value: deepFreeze(value) as Decoded[K] }
}

function decodeKind(kind: ResourceKind, any: AnyValue, scope: Scope): unknown {
  switch (kind) {
    case 'listener':
      return decodeServed(any, WireListener, scope, (message) => decodeListener(message, scope, noFiles))
    case 'route':
      return decodeServed(any, WireRouteConfiguration, scope, (message) =>
        decodeRouteConfiguration(message, scope),
      )
    case 'cluster':
      return decodeServed(any, WireCluster, scope, (message) => decodeCluster(message, scope, noFiles))
    case 'endpoints':
      return decodeServed(any, ClusterLoadAssignment, scope, (message) => decodeAssignment(message, scope))
  }
}

/** What a decoder would say of a message that is not served is not true of what the server meant. */
function decodeServed<T>(
  any: AnyValue,
  type: MessageType<T>,
  scope: Scope,
  decode: (message: T) => unknown,
): unknown {
  const message = readServed(any, type, 'ads', scope.problems)
  return message !== undefined && scope.problems.length === 0 ? decode(message) : undefined
}

/** Freezes model objects, which nobody changes. */
export function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
