import { mustRun } from '../../../local/node/run-command.ts'
import { NODE_ADDRESS } from '../cluster/addresses.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'

/**
 * What kube-proxy does, for a cluster without one: new connections to `address`:`port` go to ports of the node, one after
 * the other at random. No port: they are refused.
 */
export async function pointService(
  cluster: KubernetesCluster,
  { address, port }: { readonly address: string; readonly port: number },
  targets: readonly number[],
): Promise<void> {
  const match = `-d ${address}/32 -p tcp --dport ${port}`
  const rules = targets.map((target, at) => {
    const left = targets.length - at
    const share = left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(6)} ` : ''
    return `-A OUTPUT ${match} ${share}-j DNAT --to-destination ${NODE_ADDRESS}:${target}`
  })
  const nat = ['*nat', '-F OUTPUT', ...rules, 'COMMIT']
  const reject = targets.length > 0 ? [] : [`-A OUTPUT ${match} -j REJECT --reject-with tcp-reset`]
  const filter = ['*filter', '-F OUTPUT', ...reject, 'COMMIT']
  await mustRun(cluster.execArgv(['iptables-restore', '--noflush']), {
    input: [...nat, ...filter, ''].join('\n'),
  })
}
