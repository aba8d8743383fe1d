import { WeftError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import { ZONE_LABEL } from '../../core/contract.ts'
import { PodAddressPool } from '../controllers/addresses.ts'
import type { PodAddresses } from '../controllers/addresses.ts'
import { MOST_NODES, nodeNetwork, ONLY_NODE, podCidr, ZONE } from '../network/node-network.ts'
import type { NetworkMode, NodeNetwork } from '../network/node-network.ts'
import type { Wire } from '../network/wire.ts'
import type { PodSpec } from '../manifest/pod-spec.ts'

export const HOSTNAME_LABEL = 'kubernetes.io/hostname'

/** After so long without a word from a node its pods are made elsewhere: 40 s and then 5 minutes in Kubernetes. */
export const LOST_AFTER_MS = 2000

/** The only node's name, where there is one alone. */
export const ONLY_NODE_NAME = 'local'

/** What `weft local node` does to a node. */
export type NodeAction = 'add' | 'drain' | 'stop' | 'start'

export interface NodeInfo {
  readonly name: string
  /** '' where it has none. */
  readonly zone: string
  readonly network: NodeNetwork
}

/** As `weft local status --json` has it. */
export interface NodeStatus {
  readonly name: string
  /** Null where it has none. */
  readonly zone: string | null
  /** `status.hostIP` of its pods. */
  readonly address: string
  readonly podCidr: string
  /** False from the moment on that it is taken for lost. */
  readonly ready: boolean
  /** New pods may come. */
  readonly schedulable: boolean
}

/** Where a pod is. */
export interface Placement {
  readonly node: NodeInfo
  readonly addresses: PodAddresses
}

interface Node extends NodeInfo {
  readonly pool: PodAddressPool
  /** What made each of its pods. */
  readonly placed: Map<PodAddresses, string>
  ready: boolean
  cordoned: boolean
  /** Its link is cut. */
  cut: boolean
  forget: () => void
}

/** What joins nodes, cuts them off and has them back. */
export type NodeLinks = Pick<Wire, 'mode' | 'join' | 'setLink'>

/** Who runs the pods. */
export interface PodsOfNodes {
  /** Nodes came, went or take pods or none. */
  nodesChanged(): void
  /** Ends the pods of a node: in order, or at once where it is lost. Resolves once they have gone. */
  evict(node: string, lost: boolean): Promise<void>
}

/** The nodes of the cluster, which pod comes to which, and what becomes of one that is lost. */
export class Nodes {
  readonly #wire: NodeLinks | undefined
  readonly #clock: Clock
  #pods: PodsOfNodes = { nodesChanged() {}, evict: () => Promise.resolve() }
  readonly #nodes = new Map<string, Node>()
  #last = 0
  #adding = Promise.resolve()

  /** Without `wire` there is one node, in the cluster's own namespace. */
  constructor(wire: NodeLinks | undefined, clock: Clock) {
    this.#wire = wire
    this.#clock = clock
    if (!wire) this.#take({ name: ONLY_NODE_NAME, zone: '', network: ONLY_NODE }, new PodAddressPool())
  }

  attach(pods: PodsOfNodes): void {
    this.#pods = pods
  }

  /** Undefined of one node. */
  get mode(): NetworkMode | undefined {
    return this.#wire?.mode
  }

  get status(): readonly NodeStatus[] {
    return [...this.#nodes.values()].map(({ name, zone, network, ready, cordoned }) => ({
      name,
      zone: zone === '' ? null : zone,
      address: network.address.v4,
      podCidr: network.namespace === undefined ? '10.244.0.0/16' : podCidr(network.index).v4,
      ready,
      schedulable: ready && !cordoned,
    }))
  }

  /** Network namespaces of nodes. */
  get namespaces(): readonly string[] {
    return [...this.#nodes.values()].flatMap(({ network }) => network.namespace ?? [])
  }

  /** '' of no node, and where it has none. */
  zoneOf(node: string): string {
    return this.#nodes.get(node)?.zone ?? ''
  }

  /** Throws a WeftError where there is none of that name. */
  find(name: string): NodeInfo {
    const found = this.#nodes.get(name)
    if (found) return found
    const names = [...this.#nodes.keys()].join(', ')
    throw new WeftError('local.no_node', `no node is named \`${name}\`: there are ${names}`)
  }

  /** Nodes that a pod of this spec may come to now, in the order of their numbers. */
  eligible(spec: Pick<PodSpec, 'nodeName' | 'nodeSelector'>): readonly NodeInfo[] {
    const all = [...this.#nodes.values()].filter((node) => node.ready)
    if (!this.#wire) return all
    return all.filter((node) => {
      // Who names its node passes the scheduler by, and so a cordon: API v1, PodSpec.
      if (spec.nodeName !== undefined) return node.name === spec.nodeName
      if (node.cordoned) return false
      const labels: Readonly<Record<string, string>> = {
        [HOSTNAME_LABEL]: node.name,
        [ZONE_LABEL]: node.zone,
      }
      return Object.entries(spec.nodeSelector).every(
        ([label, value]) => labels[label] === undefined || labels[label] === value,
      )
    })
  }

  /**
   * The node with the fewest pods of the same owner, of those the one with the fewest pods at all. Throws a WeftError
   * where no node may have it: that may still come.
   */
  place(spec: PodSpec, owner: string): Placement {
    const fits = this.eligible(spec).map(({ name }) => this.#nodes.get(name)!)
    const siblings = (node: Node) => [...node.placed.values()].filter((own) => own === owner).length
    const [node] = fits.sort(
      (a, b) =>
        siblings(a) - siblings(b) || a.placed.size - b.placed.size || a.network.index - b.network.index,
    )
    if (!node) {
      const wanted =
        spec.nodeName === undefined ? JSON.stringify(spec.nodeSelector) : `the name ${spec.nodeName}`
      throw new WeftError('local.no_node', `no node that is ready and takes pods has ${wanted}`)
    }
    const addresses = node.pool.take()
    node.placed.set(addresses, owner)
    return { node, addresses }
  }

  release({ node, addresses }: Placement): void {
    const own = this.#nodes.get(node.name)
    own?.placed.delete(addresses)
    own?.pool.release(addresses)
  }

  /** Makes a node and joins it to the others. `name`: `node-3` and so on where it is left out. */
  async add(name: string | undefined, zone: string): Promise<NodeInfo> {
    const wire = this.#wire
    if (!wire) throw oneNode()
    // One after the other: each learns of those before it.
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = this.#adding
    this.#adding = promise
    await before
    try {
      const index = this.#last + 1
      const own = name ?? `node-${index}`
      if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(own))
        throw new WeftError('local.node', `\`${own}\` is no name of a node: letters, digits and -`)
      if (zone !== '' && !ZONE.test(zone))
        throw new WeftError('local.node', `\`${zone}\` is no zone: letters, digits, -, _ and .`)
      if (this.#nodes.has(own)) throw new WeftError('local.node', `there is a node \`${own}\` already`)
      if (index > MOST_NODES)
        throw new WeftError('local.node', `${MOST_NODES} nodes are the limit, also over time`)
      this.#last = index
      const network = nodeNetwork(index, wire.mode)
      await wire.join(network)
      const first = index << 8
      const node = this.#take({ name: own, zone, network }, new PodAddressPool(first + 2, first + 254))
      this.#pods.nodesChanged()
      return node
    } finally {
      resolve()
    }
  }

  /** No new pods come, and those that are there are ended in order; resolves once they have gone. */
  async drain(name: string): Promise<void> {
    if (!this.#wire) throw oneNode()
    this.#own(name).cordoned = true
    this.#pods.nodesChanged()
    await this.#pods.evict(name, false)
  }

  /** Cuts the node off without a word to anybody; it is taken for lost after a while, and its pods are made elsewhere. */
  async stop(name: string): Promise<void> {
    const wire = this.#wire
    const node = this.#own(name)
    if (!wire) throw oneNode()
    if (node.cut) return
    node.cut = true
    await wire.setLink(node.network, 'down')
    node.forget = this.#clock.after(LOST_AFTER_MS, () => {
      node.ready = false
      this.#pods.nodesChanged()
      void this.#pods.evict(name, true)
    })
  }

  /** Back again, for new pods too: after `stop` and after `drain`. */
  async start(name: string): Promise<void> {
    const wire = this.#wire
    const node = this.#own(name)
    if (!wire) throw oneNode()
    node.forget()
    if (node.cut) await wire.setLink(node.network, 'up')
    node.cut = false
    node.ready = true
    node.cordoned = false
    this.#pods.nodesChanged()
  }

  close(): void {
    for (const node of this.#nodes.values()) node.forget()
  }

  #own(name: string): Node {
    this.find(name)
    return this.#nodes.get(name)!
  }

  #take(info: NodeInfo, pool: PodAddressPool): Node {
    const node: Node = {
      ...info,
      pool,
      placed: new Map(),
      ready: true,
      cordoned: false,
      cut: false,
      forget: () => {},
    }
    this.#nodes.set(info.name, node)
    return node
  }
}

function oneNode(): WeftError {
  return new WeftError('local.node', 'this cluster has one node: start it with --nodes 2')
}
