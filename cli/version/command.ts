import type { CommandDescription } from '../../core/command-line/description.ts'
import { CLUSTER_FLAGS } from '../cluster/flags.ts'

/** `weft version`. */
export const VERSION_COMMAND = {
  name: 'version',
  summary: 'print the version of this program, of control planes and of sidecars',
  usage: ['[--client] [flags]'],
  about:
    'Prints the version of this program; of the mesh on this machine, if one runs; and of the control planes and sidecars of ' +
    'the cluster, if a kubeconfig is there.',
  flags: {
    client: { help: 'this program only: nothing is asked' },
    name: { value: 'NAME', default: 'weft', help: 'of the mesh on this machine' },
    'state-dir': {
      value: 'DIR',
      help: 'of the mesh on this machine',
      otherwise: 'below the directory for temporary files',
    },
    ...CLUSTER_FLAGS,
  },
  notes: [
    'With --json: {client: {version, node, platform}, local: {name, version}, cluster: {controlPlanes: [{replica, version, ' +
      'error}], sidecars: [{version, pods}]}}; what is not there is left out.',
  ],
  exit: '0 printed, 1 the cluster could not be asked, 2 wrong flags',
} as const satisfies CommandDescription
