import { WeftError } from '../core/errors.ts'
import { MOST_NODES, ZONE } from './network/node-network.ts'
import type { NodePlan } from './node/messages.ts'

interface NodeFlags {
  readonly nodes: string
  readonly network: string | undefined
  readonly zones: string | undefined
}

/** What `--nodes`, `--network` and `--zones` ask for. Throws a WeftError that names the flag. */
export function parseNodePlan(flags: NodeFlags): NodePlan {
  const { nodes, network = 'vxlan', zones } = flags
  const count = /^\d{1,2}$/.test(nodes) ? Number(nodes) : 0
  if (count < 1 || count > MOST_NODES)
    throw new WeftError('cli.flags', `"${nodes}" must be a number from 1 to ${MOST_NODES}`, {
      field: '--nodes',
    })
  if (network !== 'vxlan' && network !== 'routed')
    throw new WeftError('cli.flags', `"${network}" must be vxlan or routed`, { field: '--network' })
  if (count === 1 && (flags.network ?? zones) !== undefined)
    throw new WeftError('cli.flags', 'need --nodes 2 or more: nothing is between the pods of one node', {
      field: '--network and --zones',
    })
  const names = zones?.split(',') ?? Array.from({ length: count }, (_, index) => `zone-${letter(index)}`)
  for (const name of names)
    if (!ZONE.test(name))
      throw new WeftError('cli.flags', `"${name}" is no value of a label: letters, digits, -, _ and .`, {
        field: '--zones',
      })
  return { count, network, zones: count === 1 ? [] : names }
}

function letter(index: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + index)
}
