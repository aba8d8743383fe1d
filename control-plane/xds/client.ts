import { NODE_NAMESPACE, NODE_POD_NAME } from '../../core/contract.ts'
import type { Node } from '../../core/xds/generated/envoy.js'
import { takesOf, type ClientTakes } from './client-takes.ts'

/** Whom resources are made for. */
export interface MeshClient {
  readonly namespace: string
  /** Name of its pod; '' when unknown. */
  readonly pod: string
  readonly takes: ClientTakes
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
  const named = authenticated ? authenticated.namespace : text(NODE_NAMESPACE)
  return {
    namespace: named || 'default',
    pod: authenticated?.pod ?? text(NODE_POD_NAME),
    takes: takesOf(node?.userAgentName ?? ''),
  }
}
