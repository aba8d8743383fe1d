import type { LabelSelector } from '../../../core/label-selector.ts'

/** A NetworkPolicy (API networking.k8s.io/v1), read. */
export interface NetworkPolicy {
  readonly namespace: string
  readonly name: string
  /** The pods of its namespace that it is about. */
  readonly pods: LabelSelector
  /** What may come; undefined: it says nothing of that. Without a rule nothing may. */
  readonly ingress: readonly PolicyRule[] | undefined
  /** Where its pods may go; the same. */
  readonly egress: readonly PolicyRule[] | undefined
}

export interface PolicyRule {
  /** The other side; undefined: anybody. */
  readonly peers: readonly PolicyPeer[] | undefined
  /** Of the pod that is called; undefined: every port of every protocol. */
  readonly ports: readonly PolicyPort[] | undefined
}

export type PolicyPeer =
  | {
      readonly type: 'pods'
      /** undefined: the policy's own namespace. */
      readonly namespaces: LabelSelector | undefined
      readonly pods: LabelSelector
    }
  | { readonly type: 'block'; readonly cidr: string; readonly except: readonly string[] }

export interface PolicyPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  /** A number, a range, the name of a container's port, or undefined: all of the protocol. */
  readonly port: { readonly from: number; readonly to: number } | string | undefined
}
