import { access, writeFile } from 'node:fs/promises'
import { DNS_ADDRESS, NODE_ADDRESS, SERVICE_NETWORK } from '../controllers/addresses.ts'
import { mustRun } from '../node/run-command.ts'
import { ipOf, inNamespace, podCidr, UNDERLAY, underlayAddress } from './node-network.ts'
import type { NetworkMode, NodeNetwork } from './node-network.ts'

// What flannel calls flannel.1, by its numbers.
const VXLAN = { device: 'vxlan1', id: 1, port: 8472 }

/** A node's end of the wire. */
const NODE_DEVICE = 'eth0'

/**
 * The nodes' wire: a bridge in the cluster's own network namespace, where every packet between nodes can be captured. A node
 * is a namespace of its own on it, with the same routed veth pairs to its pods that the only node has. Nothing is learned:
 * each node has a route, and with VXLAN a neighbour and a forwarding entry (RFC 7348, section 4), for each other one.
 */
export class Wire {
  readonly mode: NetworkMode
  readonly #ipv6: boolean
  readonly #nodes: NodeNetwork[] = []

  constructor(mode: NetworkMode, ipv6: boolean) {
    this.mode = mode
    this.#ipv6 = ipv6
  }

  /** Once, after `prepareNodeNetwork`. */
  async prepare(): Promise<void> {
    const own = underlayAddress(0)
    const { device, mtu } = UNDERLAY
    await mustRun(['ip', '-batch', '-'], {
      input: lines([
        `link add ${device} mtu ${mtu} type bridge`,
        `addr add ${own.v4}/24 dev ${device}`,
        ...(this.#ipv6 ? [`addr add ${own.v6}/64 dev ${device} nodad`] : []),
        `link set ${device} up`,
      ]),
    })
    // What crosses a wire meets no rules of a third machine; the files are there with the module br_netfilter only.
    for (const family of ['iptables', 'ip6tables']) {
      const path = `/proc/sys/net/bridge/bridge-nf-call-${family}`
      const there = await access(path).then(
        () => true,
        () => false,
      )
      if (there) await writeFile(path, '0')
    }
  }

  /** Makes a node's namespace and joins it to the wire; all others learn of it. */
  async join(node: NodeNetwork): Promise<void> {
    const { namespace = '', address, index } = node
    const ipv6 = this.#ipv6
    await mustRun(['ip', '-batch', '-'], {
      input: lines([
        `netns add ${namespace}`,
        `link add ${portOf(node)} mtu ${UNDERLAY.mtu} type veth peer name ${NODE_DEVICE} mtu ${UNDERLAY.mtu} netns ${namespace}`,
        `link set ${portOf(node)} master ${UNDERLAY.device}`,
        `link set ${portOf(node)} up`,
      ]),
    })
    await mustRun([...inNamespace(namespace), 'sh', '-ec', forwarding(ipv6)])
    const hub = underlayAddress(0)
    await mustRun([...ipOf(node), '-batch', '-'], {
      input: lines([
        'link set lo up',
        `addr add ${address.v4}/24 dev ${NODE_DEVICE}`,
        ...(ipv6 ? [`addr add ${address.v6}/64 dev ${NODE_DEVICE} nodad`] : []),
        `link set ${NODE_DEVICE} up`,
        // Local, so that a Service without endpoints is refused by the kernel and not lost; names are asked for elsewhere.
        `route add local ${SERVICE_NETWORK.v4} dev lo src ${address.v4}`,
        `route add ${DNS_ADDRESS}/32 via ${hub.v4} table local`,
        `route add ${NODE_ADDRESS.v4}/32 via ${hub.v4}`,
        ...(ipv6
          ? [
              `route add local ${SERVICE_NETWORK.v6} dev lo src ${address.v6}`,
              `route add ${NODE_ADDRESS.v6}/128 via ${hub.v6}`,
            ]
          : []),
        ...(this.mode === 'vxlan'
          ? [
              `link add ${VXLAN.device} address ${overlayMac(index)} mtu ${node.mtu} type vxlan id ${VXLAN.id} ` +
                `local ${address.v4} dev ${NODE_DEVICE} dstport ${VXLAN.port} nolearning`,
              `addr add ${overlayAddress(index).v4}/32 dev ${VXLAN.device}`,
              ...(ipv6 ? [`addr add ${overlayAddress(index).v6}/64 dev ${VXLAN.device} nodad`] : []),
              `link set ${VXLAN.device} up`,
            ]
          : []),
      ]),
    })
    const cidr = podCidr(index)
    await mustRun(['ip', '-batch', '-'], {
      input: lines([
        `route replace ${cidr.v4} via ${address.v4} dev ${UNDERLAY.device} src ${NODE_ADDRESS.v4}`,
        ...(ipv6
          ? [`route replace ${cidr.v6} via ${address.v6} dev ${UNDERLAY.device} src ${NODE_ADDRESS.v6}`]
          : []),
      ]),
    })
    for (const other of this.#nodes) {
      await this.#lead(node, other)
      await this.#lead(other, node)
    }
    this.#nodes.push(node)
  }

  /** Cuts a node off, as a pulled cable does, or joins it again. */
  async setLink(node: NodeNetwork, state: 'up' | 'down'): Promise<void> {
    await mustRun(['ip', 'link', 'set', portOf(node), state])
  }

  /** How node `from` reaches pods of node `to`. */
  async #lead(from: NodeNetwork, to: NodeNetwork): Promise<void> {
    const cidr = podCidr(to.index)
    const { v4, v6 } = overlayAddress(to.index)
    const mac = overlayMac(to.index)
    const { device } = VXLAN
    const routes =
      this.mode === 'routed'
        ? [
            `route replace ${cidr.v4} via ${to.address.v4} dev ${NODE_DEVICE}`,
            ...(this.#ipv6 ? [`route replace ${cidr.v6} via ${to.address.v6} dev ${NODE_DEVICE}`] : []),
          ]
        : [
            `neigh replace ${v4} lladdr ${mac} dev ${device} nud permanent`,
            `route replace ${cidr.v4} via ${v4} dev ${device} onlink`,
            ...(this.#ipv6
              ? [
                  `neigh replace ${v6} lladdr ${mac} dev ${device} nud permanent`,
                  `route replace ${cidr.v6} via ${v6} dev ${device}`,
                ]
              : []),
          ]
    await mustRun([...ipOf(from), '-batch', '-'], { input: lines(routes) })
    if (this.mode === 'routed') return
    const entry = ['replace', mac, 'dev', device, 'dst', to.address.v4, 'self', 'permanent']
    await mustRun(['bridge', '-n', from.namespace ?? '', 'fdb', ...entry])
  }
}

/** A node's place on the wire, in the cluster's own namespace. */
function portOf(node: NodeNetwork): string {
  return `port${node.index}`
}

/** The first address of its pods' range, which no pod has. */
function overlayAddress(index: number): { v4: string; v6: string } {
  return { v4: `10.244.${index}.0`, v6: `fe80::244:${index.toString(16)}` }
}

function overlayMac(index: number): string {
  return `0a:58:ac:1e:00:${index.toString(16).padStart(2, '0')}`
}

function forwarding(ipv6: boolean): string {
  const set = (path: string, value: number) => `echo ${value} > /proc/sys/net/${path}`
  return [
    set('ipv4/ip_forward', 1),
    ...['all', 'default'].flatMap((scope) => [
      set(`ipv4/conf/${scope}/rp_filter`, 0),
      set(`ipv4/conf/${scope}/send_redirects`, 0),
    ]),
    ...(ipv6
      ? [
          set('ipv6/conf/all/disable_ipv6', 0),
          set('ipv6/conf/default/disable_ipv6', 0),
          set('ipv6/conf/all/forwarding', 1),
          set('ipv6/conf/default/accept_dad', 0),
        ]
      : []),
  ].join('\n')
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`
}
