import {
  NODE_MUTUAL_TLS,
  NODE_NAMESPACE,
  NODE_POD_NAME,
  NODE_RUNTIME,
  NODE_TAKES,
} from '../../core/contract.ts'
import { copyOfStart } from '../../core/text-copy.ts'
import type { Node } from '../../core/xds/generated/envoy.js'
import type { Mesh } from '../model/mesh.ts'
import { NO_LIMITS, type WorkloadLimits } from '../model/workload-limits.ts'
import { takesOf, type ClientTakes } from './client-takes.ts'

/** Whom resources are made for. */
export interface MeshClient {
  readonly namespace: string
  /** Name of its pod; '' when unknown. */
  readonly pod: string
  readonly takes: ClientTakes
}

/** A name of Kubernetes has 253 characters at most; what is longer is none, and would stay in memory with its stream. */
const LONGEST_VALUE = 253

/** From the node of a stream's first request; authenticated namespace and pod take precedence over it. */
export function clientOf(
  node: Node | undefined,
  authenticated?: { readonly namespace: string; readonly pod: string | undefined },
): MeshClient {
  const named = authenticated ? authenticated.namespace : metadataOf(node, NODE_NAMESPACE)
  return {
    namespace: named || 'default',
    pod: authenticated?.pod ?? metadataOf(node, NODE_POD_NAME),
    takes: takesOf(node?.userAgentName ?? '', {
      mtls: metadataOf(node, NODE_MUTUAL_TLS) === 'true',
      takes: metadataOf(node, NODE_TAKES).split(' '),
    }),
  }
}

/** What its own pod says; of a client that is no pod of the mesh, nothing. */
export function limitsOfClient(mesh: Mesh, { namespace, pod }: MeshClient): WorkloadLimits {
  return mesh.workloads.get(`${namespace}/${pod}`)?.limits ?? NO_LIMITS
}

/** The version of Node.js that a sidecar says it runs on; '' for other clients. */
export function runtimeOf(node: Node | undefined): string {
  return copyOfStart(metadataOf(node, NODE_RUNTIME), 32)
}

function metadataOf(node: Node | undefined, key: string): string {
  const metadata = node?.metadata ?? {}
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
  return typeof value === 'string' && value.length <= LONGEST_VALUE ? value : ''
}
