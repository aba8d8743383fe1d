import { CONTROL_PLANE, HTTP_PORT } from '../../core/contract.ts'
import { inSection, type CommandDescription } from '../../core/command-line/description.ts'
import { CLUSTER_FLAGS as LOCAL_FLAGS } from '../../local/commands.ts'
import { CLUSTER_FLAGS } from '../cluster/flags.ts'

const { json, ...ofCluster } = CLUSTER_FLAGS

/** `weft dashboard`. */
export const DASHBOARD_COMMAND = {
  name: 'dashboard',
  summary: 'open the dashboard of the mesh on this machine, or of a cluster',
  usage: ['[--local | --context NAME] [flags]'],
  about:
    'Opens the dashboard in a browser, and prints its address. It is that of the mesh on this machine, if one runs, else ' +
    "that of the cluster that kubectl would talk to; a flag of one of the two chooses. A cluster's is reached by a " +
    'port-forward from 127.0.0.1 to a control plane that is ready, until Ctrl-C: that takes the rights to list pods and to ' +
    `get and create pods/portforward in its namespace. The pod is looked for anew when it is gone.`,
  flags: {
    'no-open': { help: 'only print the address, as it is where standard output is no terminal' },
    json,
    ...inSection('The mesh on this machine', {
      local: { help: 'its dashboard, or an error if none runs' },
      ...LOCAL_FLAGS,
    }),
    ...inSection('A cluster', {
      port: { value: 'PORT', help: 'of this machine', otherwise: 'one that is free' },
      ...ofCluster,
    }),
  },
  notes: [
    `With --json: {mesh: "local", name, address}, or {mesh: "cluster", namespace, pod, address}; the latter is a pod of ` +
      `${CONTROL_PLANE}, whose port ${HTTP_PORT} is forwarded until the command is ended.`,
  ],
  exit: '0 opened, printed or ended, 1 there is none or it could not be reached, 2 wrong flags',
  examples: [
    { command: 'weft dashboard', does: 'Of what runs' },
    { command: 'weft dashboard --context production --port 8080', does: 'Of a cluster, at a port of choice' },
  ],
} as const satisfies CommandDescription
