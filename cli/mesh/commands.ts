import { ADMIN_PORT, BUNDLE_CONFIG_MAP, CA_SECRET, HTTP_PORT, WEBHOOK_SECRET } from '../../core/contract.ts'
import type { CommandDescription } from '../../core/command-line/description.ts'
import { CLUSTER_FLAGS, POD_NAMESPACE_FLAG } from '../cluster/flags.ts'

/** `weft proxies`. */
export const PROXIES_COMMAND = {
  name: 'proxies',
  summary: "list a cluster's sidecars, and whether they have their configuration",
  usage: ['[flags]'],
  about:
    'Lists the sidecars of a cluster: their version, which replica of the control plane they are connected to, whether they ' +
    "have its configuration, and their identity. Replicas are asked by the API server's proxy (verb get on pods/proxy), on " +
    `${HTTP_PORT}.`,
  flags: {
    certs: {
      help: "also when each one's certificate ends, by a port-forward to each (get and create on pods/portforward)",
    },
    namespace: { ...POD_NAMESPACE_FLAG, help: 'only pods of this namespace' },
    ...CLUSTER_FLAGS,
  },
  notes: [
    'With --json: {controlPlanes: [{replica, release, version, trustDomain, proxies, error}], proxies: [...]}.',
  ],
  exit: '0 all are connected and took their configuration, 1 one is not or did not, 2 wrong flags',
} as const satisfies CommandDescription

/** `weft config`. */
export const CONFIG_COMMAND = {
  name: 'config',
  summary: 'print what a sidecar has from the control plane',
  usage: ['POD [--clusters | --certs | --stats] [flags]'],
  about:
    'Prints what the sidecar of a pod has from the control plane, as it is in force: listeners, routes, clusters, endpoints. ' +
    `Its admin page listens on the pod's loopback address only (${ADMIN_PORT}) and is reached by port-forward: that takes ` +
    'the rights to get and create pods/portforward, and nothing of the pod is run.',
  arguments: [{ name: 'POD' }],
  flags: {
    clusters: { help: 'its clusters and their endpoints, with their state' },
    certs: { help: 'its certificate: identity, and when it ends' },
    stats: { help: 'its counters, as JSON' },
    namespace: { ...POD_NAMESPACE_FLAG, help: 'of the pod', otherwise: "the context's, else default" },
    ...CLUSTER_FLAGS,
  },
  notes: ['The page is JSON with and without --json.'],
  exit: '0 printed, 1 it could not be asked, 2 wrong flags',
} as const satisfies CommandDescription

/** `weft certs`. */
export const CERTS_COMMAND = {
  name: 'certs',
  summary: "list the mesh's certificates, and when they end",
  usage: ['[flags]'],
  about:
    `Lists the mesh's certificates and when they end: the roots that proxies trust (ConfigMap ${BUNDLE_CONFIG_MAP}), the CA ` +
    `that signs for them (Secret ${CA_SECRET}) and the webhook's (Secret ${WEBHOOK_SECRET}). No key is read into the ` +
    "output. A sidecar's own certificate lives a day and is renewed by itself: `weft config POD --certs` shows it.",
  flags: CLUSTER_FLAGS,
  notes: ['With --json: {certificates: [{use, subject, serial, notAfter, expired}], unread: [...]}.'],
  exit: '0 all are valid, 1 one is over or none was found, 2 wrong flags',
} as const satisfies CommandDescription

/** `weft uninstall`. */
export const UNINSTALL_COMMAND = {
  name: 'uninstall',
  summary: 'print the commands that take Weft off a cluster',
  usage: ['[flags]'],
  about:
    'Prints the commands that take Weft off this cluster, in their order, for what is on it now. It changes nothing.',
  flags: CLUSTER_FLAGS,
  notes: ['With --json: {steps: [{why, commands}]}.'],
  exit: '0 printed, 1 the cluster could not be asked, 2 wrong flags',
} as const satisfies CommandDescription
