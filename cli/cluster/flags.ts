import type { CommandDescription } from '../../core/command-line/description.ts'
import { SYSTEM_NAMESPACE } from '../../core/contract.ts'

/** Of every command that asks a cluster. */
export const CLUSTER_FLAGS = {
  kubeconfig: {
    value: 'FILE',
    help: 'as kubectl has it',
    otherwise: 'KUBECONFIG, else ~/.kube/config',
  },
  context: { value: 'NAME', help: 'of the kubeconfig', otherwise: 'its current one' },
  'weft-namespace': { value: 'NAME', default: SYSTEM_NAMESPACE, help: 'where Weft is installed' },
  json: { help: 'the result as JSON on standard output' },
} as const satisfies CommandDescription['flags']

/** Of those that look at pods of the mesh. */
export const POD_NAMESPACE_FLAG = { short: 'n', value: 'NAME' } as const
