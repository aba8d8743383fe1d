import type { CommandDescription } from '../../core/command-line/description.ts'
import { CA_SECRET, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import { CLUSTER_FLAGS } from '../cluster/flags.ts'

const { kubeconfig, context } = CLUSTER_FLAGS

/** `weft ca`. */
export const CA_COMMAND = {
  name: 'ca',
  summary: "show the mesh's CA and rotate its root",
  usage: ['COMMAND [flags]'],
  about:
    "The mesh's CA in a Kubernetes cluster: what it is, and a new root in three steps that cut nobody off. It needs the right " +
    `to read and write the Secret ${CA_SECRET}, and to list ConfigMaps.`,
  arguments: [
    {
      name: 'COMMAND',
      choices: {
        status: 'the roots that are trusted, which of them signs, and where they are published',
        prepare: 'makes another root: it is trusted everywhere, and signs nothing yet',
        promote:
          'the new root signs, the old one is trusted still; pods renew their certificates within minutes',
        retire: 'only the signing root is trusted',
      },
    },
  ],
  flags: {
    namespace: { short: 'n', value: 'NAME', default: SYSTEM_NAMESPACE, help: 'where Weft is installed' },
    secret: { value: 'NAME', default: CA_SECRET, help: 'that holds the CA' },
    'trust-domain': { value: 'NAME', default: 'cluster.local', help: 'of the mesh' },
    force: { help: 'promote or retire although some may not be ready for it' },
    kubeconfig,
    context,
    json: { help: 'the state after the command as one JSON object' },
  },
  exit: '0 done, 1 it cannot be done (now), 2 wrong flags',
} as const satisfies CommandDescription
