import { NODE_ADDRESS } from '../controllers/addresses.ts'

/** How packets get from a node to the pods of another: in VXLAN (RFC 7348) over the nodes' wire, or as they are. */
export type NetworkMode = 'vxlan' | 'routed'

/** More would not be drawn, and each has 254 pod addresses. */
export const MOST_NODES = 16

/** What may be a zone: a label's value. Source: Kubernetes, labels, syntax. */
export const ZONE = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

/** The wire between the nodes; the cluster's own namespace has its first address. */
export const UNDERLAY = { device: 'underlay', v4: '172.30.0.', v6: 'fd00:172:30::', mtu: 1500 }

/** Outer IPv4, UDP and VXLAN headers and the inner Ethernet header: 20 + 8 + 8 + 14 bytes (RFC 7348, section 5). */
const VXLAN_OVERHEAD = 50

/** Where pods of a node are, on the network. */
export interface NodeNetwork {
  /** Of the node: 1 for the first. 0: the only one, in the cluster's own namespace. */
  readonly index: number
  /** Its network namespace; undefined for the cluster's own. */
  readonly namespace: string | undefined
  /** What others know the node by; `status.hostIP` of its pods. */
  readonly address: { readonly v4: string; readonly v6: string }
  /** Of the pods' interfaces. */
  readonly mtu: number
}

/** The only node: pods hang in the cluster's own namespace. */
export const ONLY_NODE: NodeNetwork = {
  index: 0,
  namespace: undefined,
  address: NODE_ADDRESS,
  mtu: UNDERLAY.mtu,
}

/** The network of one of several nodes. */
export function nodeNetwork(index: number, mode: NetworkMode): NodeNetwork {
  return {
    index,
    namespace: `node-${index}`,
    address: underlayAddress(index),
    mtu: mode === 'vxlan' ? UNDERLAY.mtu - VXLAN_OVERHEAD : UNDERLAY.mtu,
  }
}

/** On the wire; 0 is the cluster's own namespace, where DNS, probes and the way in from the machine are. */
export function underlayAddress(index: number): { v4: string; v6: string } {
  const host = index === 0 ? 1 : 10 + index
  return { v4: `${UNDERLAY.v4}${host}`, v6: `${UNDERLAY.v6}${host}` }
}

/** Of a node's pods. */
export function podCidr(index: number): { v4: string; v6: string } {
  return { v4: `10.244.${index}.0/24`, v6: `fd00:10:244::${(index << 8).toString(16)}/120` }
}

/** `ip` in the node's namespace. Not its own `-n`, which enters a mount namespace, too: what is named there nobody else sees. */
export function ipOf(network: NodeNetwork): string[] {
  return [...inNamespace(network.namespace), 'ip']
}

/** What runs a program in a network namespace of this cluster. */
export function inNamespace(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`, '--']
}
