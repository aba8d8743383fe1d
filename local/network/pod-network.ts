import { writeFile } from 'node:fs/promises'
import type { PodAddresses } from '../controllers/addresses.ts'
import { DNS_ADDRESS, NODE_ADDRESS, SERVICE_NETWORK } from '../controllers/addresses.ts'
import { mustRun } from '../node/run-command.ts'
import { ipOf } from './node-network.ts'
import type { NodeNetwork } from './node-network.ts'

/** The pods' gateway: link-local, the same in every pod, answered by the node's end of the veth pair. */
const GATEWAY = { v4: '169.254.1.1', v6: 'fe80::ecee:eeff:feee:eeee' }
const NODE_MAC = 'ee:ee:ee:ee:ee:ee'

export interface PodNetwork {
  readonly name: string
  /** File that nsenter takes. */
  readonly path: string
  readonly device: string
  readonly addresses: PodAddresses
  /** The node that has the other end. */
  readonly node: NodeNetwork
}

/**
 * Prepares the node's own network namespace: forwarding, its address, the Services' range. Returns
 * whether pods can have IPv6 addresses too.
 */
export async function prepareNodeNetwork(): Promise<boolean> {
  await mustRun(['ip', '-batch', '-'], {
    input: [
      'link set lo up',
      `addr add ${NODE_ADDRESS.v4}/32 dev lo`,
      `addr add ${DNS_ADDRESS}/32 dev lo`,
      // Local, so that a Service without endpoints is refused by the kernel and not lost.
      `route add local ${SERVICE_NETWORK.v4} dev lo src ${NODE_ADDRESS.v4}`,
      '',
    ].join('\n'),
  })
  await sysctl('net/ipv4/ip_forward', '1')
  for (const scope of ['all', 'default']) {
    await sysctl(`net/ipv4/conf/${scope}/rp_filter`, '0')
    await sysctl(`net/ipv4/conf/${scope}/send_redirects`, '0')
  }
  try {
    await sysctl('net/ipv6/conf/all/disable_ipv6', '0')
    await sysctl('net/ipv6/conf/default/disable_ipv6', '0')
    await sysctl('net/ipv6/conf/all/forwarding', '1')
    await sysctl('net/ipv6/conf/default/accept_dad', '0')
    await mustRun(['ip', '-6', '-batch', '-'], {
      input: [
        `addr add ${NODE_ADDRESS.v6}/128 dev lo nodad`,
        `route add local ${SERVICE_NETWORK.v6} dev lo src ${NODE_ADDRESS.v6}`,
        '',
      ].join('\n'),
    })
    return true
  } catch {
    return false
  }
}

/**
 * Makes a pod's network namespace and joins it to the node by a routed veth pair. There is no bridge:
 * every packet between pods passes the node's routing, and so its Service rules, in both directions.
 * Neighbours are permanent on both sides: no ARP, no delay, nothing to spoof.
 */
export async function addPodNetwork(
  addresses: PodAddresses,
  ipv6: boolean,
  node: NodeNetwork,
): Promise<PodNetwork> {
  const name = `pod-${addresses.index}`
  const device = `veth${addresses.index}`
  const mac = `0a:58:0a:f4:${hex(addresses.index >> 8)}:${hex(addresses.index & 0xff)}`
  await mustRun([...ipOf(node), '-batch', '-'], {
    input: [
      `netns add ${name}`,
      `link add ${device} address ${NODE_MAC} mtu ${node.mtu} type veth peer name eth0 address ${mac} mtu ${node.mtu} netns ${name}`,
      `link set ${device} up`,
      `neigh replace ${addresses.v4} lladdr ${mac} dev ${device} nud permanent`,
      `route replace ${addresses.v4}/32 dev ${device} src ${node.address.v4}`,
      ...(ipv6
        ? [
            `addr add ${GATEWAY.v6}/64 dev ${device} nodad`,
            `neigh replace ${addresses.v6} lladdr ${mac} dev ${device} nud permanent`,
            `route replace ${addresses.v6}/128 dev ${device} src ${node.address.v6}`,
          ]
        : []),
      '',
    ].join('\n'),
  })
  await mustRun(['ip', '-n', name, '-batch', '-'], {
    input: [
      'link set lo up',
      'link set eth0 up',
      `addr add ${addresses.v4}/32 dev eth0`,
      `neigh replace ${GATEWAY.v4} lladdr ${NODE_MAC} dev eth0 nud permanent`,
      `route add ${GATEWAY.v4} dev eth0 scope link`,
      `route add default via ${GATEWAY.v4} dev eth0`,
      ...(ipv6
        ? [
            `addr add ${addresses.v6}/128 dev eth0 nodad`,
            `neigh replace ${GATEWAY.v6} lladdr ${NODE_MAC} dev eth0 nud permanent`,
            `route add default via ${GATEWAY.v6} dev eth0`,
          ]
        : []),
      '',
    ].join('\n'),
  })
  return { name, path: `/run/netns/${name}`, device, addresses, node }
}

/** Takes a pod's namespace away; its veth pair goes with it. */
export async function removePodNetwork(network: PodNetwork): Promise<void> {
  const input = `link del ${network.device}\nnetns del ${network.name}\n`
  await mustRun([...ipOf(network.node), '-batch', '-'], { input })
}

async function sysctl(path: string, value: string): Promise<void> {
  await writeFile(`/proc/sys/${path}`, value)
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
