import type { CommandDescription } from '../../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../../mesh/mesh-flags.ts'

/** `weft policy networkpolicy`. */
export const POLICY_NETWORK_COMMAND = {
  name: 'policy networkpolicy',
  summary: "write NetworkPolicies that repeat the mesh's authorization one layer lower",
  usage: ['[-n NAMESPACE] [flags]'],
  about:
    'Writes a NetworkPolicy for each workload of a namespace that the mesh does not leave open to anybody: who may reach which port, by the ' +
    'policies that are in force, for the plugin of the pod network to enforce besides. It refuses nothing that the mesh may let in ' +
    'from pods that are there now; what a NetworkPolicy has no word for (methods, paths, tokens, single callers that are denied) ' +
    'it leaves to the mesh. Run it again when policies or workloads change. Policies go to standard output as YAML, with all ' +
    `else as comments in it. docs/network.md has more. ${WHICH_MESH}`,
  flags: {
    namespace: { ...POD_NAMESPACE_FLAG, help: 'of the pods', otherwise: "the context's, else default" },
    ...MESH_FLAGS,
  },
  notes: ['With --json: {policies: [...], workloads: [{namespace, workload, policy, notes}]}.'],
  exit: '0 policies were written, 1 there is nothing to write them for or the mesh could not be asked, 2 wrong flags',
  examples: [
    {
      command: 'weft policy networkpolicy -n payments | kubectl apply -f -',
      does: 'Defence in depth for a namespace',
    },
  ],
} as const satisfies CommandDescription
