import { NODE_NAMESPACE, NODE_POD_NAME, USER_AGENT } from '../../core/contract.ts'
import type { Node } from '../../core/xds/generated/envoy.js'

/** Whom resources are made for. */
export interface MeshClient {
  readonly namespace: string
  /** Name of its pod; '' when unknown. */
  readonly pod: string
  /**
   * `sidecar`: Weft's own proxy. `grpc`: a gRPC library without a proxy, which speaks plaintext and takes
   * a part of the routes' vocabulary. `envoy`: anything else.
   */
  readonly kind: 'sidecar' | 'grpc' | 'envoy'
}

/** From the node of a stream's first request; authenticated namespace and pod take precedence over it. */
export function clientOf(
  node: Node | undefined,
  authenticated?: { readonly namespace: string; readonly pod: string | undefined },
): MeshClient {
  const metadata = node?.metadata ?? {}
  const text = (key: string): string => {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
    return typeof value === 'string' ? value : ''
  }
  const agent = (node?.userAgentName ?? '').toLowerCase()
  const named = authenticated ? authenticated.namespace : text(NODE_NAMESPACE)
  return {
    namespace: named || 'default',
    pod: authenticated?.pod ?? text(NODE_POD_NAME),
    kind: agent.startsWith('grpc')
      ? 'grpc'
      : agent === '' || agent.startsWith(USER_AGENT)
        ? 'sidecar'
        : 'envoy',
  }
}
