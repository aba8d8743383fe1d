import type { CommandDescription } from '../../core/command-line/description.ts'
import { CLUSTER_FLAGS, POD_NAMESPACE_FLAG } from '../cluster/flags.ts'

/** `weft check`. */
export const CHECK_COMMAND = {
  name: 'check',
  summary: 'say what is wrong with a cluster: before an installation, or after',
  usage: ['[--pre] [flags]'],
  about:
    'Looks at a cluster and says what is wrong. It changes nothing: pods that it asks for are dry runs. Without --pre, at an ' +
    "installed mesh: Weft's own Deployments, the webhook and its certificate, the Lease, the issuer, roots and bundles, routes, policies, pods " +
    'without a sidecar, with one of another version or on a Node.js without the newest security fixes. It warns of roots, of the CA that ' +
    'signs and of serving certificates that end within 30 days (of those that live less than 90: within the last third of their ' +
    'life), of pods whose certificate is past two thirds of its life, and of who called in plaintext in the last 24 h ports that are not ' +
    'STRICT yet: they would be refused.',
  flags: {
    pre: {
      help:
        "before an installation: Kubernetes' version, permissions, Gateway API, leftovers, and whether the labelled " +
        'namespaces take pods with a sidecar',
    },
    namespace: { ...POD_NAMESPACE_FLAG, help: 'only this namespace of the mesh' },
    ...CLUSTER_FLAGS,
  },
  notes: [
    'Certificates of pods are read by a port-forward to each, four at a time: ask a large mesh one namespace after another.',
    'With --json: {good, findings: [{check, status: ok | warning | failed | unknown, message}]}.',
  ],
  exit: '0 nothing failed, 1 something did or the cluster could not be asked, 2 wrong flags',
  examples: [
    { command: 'weft check --pre', does: 'May Weft be installed here?' },
    { command: 'weft check -n shop --json', does: 'What is wrong with one namespace, for a program' },
  ],
} as const satisfies CommandDescription
