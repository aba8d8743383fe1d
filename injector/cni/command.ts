import { CNI_HEALTH_PORT, CNI_PLUGIN } from '../../core/contract.ts'
import { LOG_LEVEL_FLAG } from '../../core/command-line/description.ts'
import type { CommandDescription } from '../../core/command-line/description.ts'

/** `weft cni`. */
export const CNI_COMMAND = {
  name: 'cni',
  summary: 'keep the CNI plugin on a node, which sets the capture rules of its pods',
  usage: ['[flags]'],
  about:
    'Puts the CNI plugin on a node and into its network configuration, as the last plugin of the list that the pod network ' +
    'installed; puts it back whenever somebody writes that list anew; and takes it out again when its DaemonSet is deleted. ' +
    'While it is away (a crash, an upgrade, a node that starts), the plugin goes on working: it keeps nothing and asks nobody. ' +
    'Serves GET /ready, GET /live on the loopback address.',
  flags: {
    'bin-dir': {
      value: 'DIR',
      default: '/opt/cni/bin',
      help: "the node's folder of CNI plugins, under the same path as on the node",
    },
    'conf-dir': {
      value: 'DIR',
      default: '/etc/cni/net.d',
      help: "the node's folder of network configurations, likewise",
    },
    'state-dir': {
      value: 'DIR',
      default: `/var/lib/${CNI_PLUGIN}`,
      help: 'a folder of the node for the program and its libraries, likewise; nothing else is kept in it',
    },
    'health-port': {
      value: 'PORT',
      default: String(CNI_HEALTH_PORT),
      help: 'port of 127.0.0.1; 0: the system chooses',
    },
    'log-level': LOG_LEVEL_FLAG,
  },
  exit: '0 stopped by SIGTERM or SIGINT, 1 failed, 2 wrong flags',
} as const satisfies CommandDescription
