/** Of the cluster's own network namespace; the machine never sees one of them. */
export const NODE_NAME = 'node1'
export const NODE_ADDRESS = '10.77.0.1'
export const NODE_NETWORK_BITS = 24
/** Nobody has it: without a default route the node could not send to a ClusterIP. */
export const NODE_GATEWAY = '10.77.0.254'
export const POD_NETWORK = '10.244.0.0/24'
export const SERVICE_NETWORK = '10.96.0.0/16'
export const API_SERVICE_ADDRESS = '10.96.0.1'
export const DNS_SERVICE_ADDRESS = '10.96.0.10'
export const API_PORT = 6443
export const ETCD_PORT = 2379
