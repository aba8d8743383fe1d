import { NODE_ADDRESS } from '../../controllers/addresses.ts'
import type { NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule } from './network-policy.ts'

type Family = 4 | 6
type Labels = Readonly<Record<string, string>>

/** What policies need to know of a pod. */
export interface PolicyPod {
  readonly namespace: string
  readonly labels: Labels
  readonly ips: readonly string[]
  readonly ports: readonly {
    readonly name: string | undefined
    readonly containerPort: number
    readonly protocol: string
  }[]
  /** The node's end of its veth pair; undefined: it can be a peer, and nothing is enforced for it. */
  readonly device: string | undefined
}

export interface PolicyState {
  readonly policies: readonly NetworkPolicy[]
  readonly pods: readonly PolicyPod[]
  /** Labels of the namespaces, by name. */
  readonly namespaces: ReadonlyMap<string, Labels>
}

/** One direction of an isolated pod. */
interface Isolated {
  readonly chain: string
  readonly rules: readonly { readonly rule: PolicyRule; readonly policy: NetworkPolicy }[]
}

/** What the other side of a rule is, and to which ports the rule leads. */
interface Allowed {
  /** Matches of iptables for the other side, each by itself: '' for anybody. `except` are blocks that are left out. */
  readonly peers: readonly { readonly match: string; readonly except: readonly string[] }[]
  /** Matches for the ports, each by itself: '' for all. */
  readonly ports: readonly string[]
}

const ALLOWED = '0x8000/0x8000'
/** As many as one multiport match takes; a range counts twice (iptables-extensions(8)). */
const MULTIPORT = 15
const DIRECTIONS = {
  ingress: { prefix: 'IN', flag: '-o', peer: '-s' },
  egress: { prefix: 'OUT', flag: '-i', peer: '-d' },
} as const
type Direction = keyof typeof DIRECTIONS

/**
 * The whole filter table of a node for one address family, as text for iptables-restore, so that no packet meets half of a
 * change. Semantics are those of networking.k8s.io/v1: a pod that some policy of a direction selects is isolated in
 * it, and what any of these policies allows may pass; connections that are open stay; a pod reaches itself, and the node
 * (its probes) reaches every pod. What is not allowed is dropped in silence, as pod networks of clusters do.
 *
 * Both hooks see the addresses and ports of pods: Services were translated before (PREROUTING), and pods between
 * themselves are not masqueraded.
 */
export function filterRules(state: PolicyState, family: Family): string {
  const chains = [':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]']
  const rules: string[] = []
  const enforced = state.pods.flatMap((pod) => {
    if (pod.device === undefined) return []
    const { device } = pod
    const of = (direction: Direction): { direction: Direction; pod: PolicyPod; isolated: Isolated }[] => {
      const isolated = isolation(state, pod, device, direction)
      return isolated ? [{ direction, pod, isolated }] : []
    }
    return [...of('egress'), ...of('ingress')]
  })
  const table = (): string => `*filter\n${[...chains, ...rules].join('\n')}\nCOMMIT\n`
  if (enforced.length === 0) return table()
  for (const hook of ['FORWARD', 'INPUT'])
    rules.push(`-A ${hook} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`)
  // Probes of pods on other nodes come over the wire; from no pod's device, or it could call itself the node.
  rules.push(`-A FORWARD ! -i veth+ -s ${family === 4 ? NODE_ADDRESS.v4 : NODE_ADDRESS.v6} -j ACCEPT`)
  for (const { pod, direction, isolated } of enforced) {
    const { flag } = DIRECTIONS[direction]
    chains.push(`:${isolated.chain} - [0:0]`)
    // By a Service that has it for an endpoint, which leads back to it.
    rules.push(`-A FORWARD -i ${pod.device} -o ${pod.device} -j ACCEPT`)
    rules.push(`-A FORWARD ${flag} ${pod.device} -j ${isolated.chain}`)
    if (direction === 'egress') rules.push(`-A INPUT ${flag} ${pod.device} -j ${isolated.chain}`)
  }
  for (const { pod, direction, isolated } of enforced) {
    const { chain } = isolated
    rules.push(`-A ${chain} -j MARK --set-xmark 0x0/0x8000`)
    // Without neighbours there is no network (RFC 4861 section 4.3, 4.4).
    if (family === 6)
      for (const type of [135, 136])
        rules.push(`-A ${chain} -p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j RETURN`)
    for (const [i, { rule, policy }] of isolated.rules.entries()) {
      const comment = ` -m comment --comment "${policy.namespace}/${policy.name}"`
      for (const allowed of alternatives(state, pod, { rule, policy, direction, family })) {
        for (const [j, { match, except }] of allowed.peers.entries()) {
          let own = chain
          if (except.length > 0) {
            own = `${chain}-${i}-${j}`
            chains.push(`:${own} - [0:0]`)
            rules.push(`-A ${chain}${match} -j ${own}`)
            for (const block of except)
              rules.push(`-A ${own} ${DIRECTIONS[direction].peer} ${block} -j RETURN`)
          }
          for (const port of allowed.ports)
            rules.push(
              `-A ${own}${except.length > 0 ? '' : match}${port}${comment} -j MARK --set-xmark ${ALLOWED}`,
            )
        }
      }
    }
    rules.push(`-A ${chain} -m mark ! --mark ${ALLOWED} -j DROP`)
  }
  return table()
}

/** Whether any policy would be enforced at all. */
export function isolatesAny({ policies, pods }: PolicyState): boolean {
  return pods.some((pod) => pod.device !== undefined && policies.some((policy) => selects(policy, pod)))
}

function isolation(
  { policies }: PolicyState,
  pod: PolicyPod,
  device: string,
  direction: Direction,
): Isolated | undefined {
  const own = policies.filter((policy) => policy[direction] && selects(policy, pod))
  if (own.length === 0) return undefined
  const rules = own.flatMap((policy) => (policy[direction] ?? []).map((rule) => ({ rule, policy })))
  return { chain: `${DIRECTIONS[direction].prefix}-${device}`, rules }
}

function selects(policy: NetworkPolicy, pod: PolicyPod): boolean {
  return policy.namespace === pod.namespace && policy.pods.matches(pod.labels)
}

/**
 * A rule as matches. Named ports are those of the pod that is called: of the isolated one for what comes; for what goes, of
 * each peer, which then stands for itself.
 */
function alternatives(
  state: PolicyState,
  pod: PolicyPod,
  of: { rule: PolicyRule; policy: NetworkPolicy; direction: Direction; family: Family },
): Allowed[] {
  const { rule, policy, direction, family } = of
  const { peer: flag } = DIRECTIONS[direction]
  const peers = peerMatches(state, of)
  const named = (rule.ports ?? []).filter(({ port }) => typeof port === 'string')
  if (direction === 'ingress' || named.length === 0) {
    const ports = rule.ports ? portMatches(rule.ports.flatMap((port) => numbered(port, pod))) : ['']
    return ports.length > 0 ? [{ peers, ports }] : []
  }
  const numbers = portMatches((rule.ports ?? []).filter(({ port }) => typeof port !== 'string'))
  const callable = rule.peers ? selectedPods(state, policy, rule.peers) : state.pods
  return [
    ...(numbers.length > 0 ? [{ peers, ports: numbers }] : []),
    ...callable.flatMap((called): Allowed[] => {
      const ports = portMatches(named.flatMap((port) => numbered(port, called)))
      const addresses = ofFamily(called.ips, family)
      if (ports.length === 0 || addresses.length === 0) return []
      return [{ peers: addresses.map((ip) => ({ match: ` ${flag} ${ip}`, except: [] })), ports }]
    }),
  ]
}

function peerMatches(
  state: PolicyState,
  {
    rule,
    policy,
    direction,
    family,
  }: { rule: PolicyRule; policy: NetworkPolicy; direction: Direction; family: Family },
): Allowed['peers'] {
  if (!rule.peers) return [{ match: '', except: [] }]
  const { peer: flag } = DIRECTIONS[direction]
  const addresses = new Set(
    selectedPods(state, policy, rule.peers).flatMap(({ ips }) => ofFamily(ips, family)),
  )
  return [
    ...[...addresses].map((ip) => ({ match: ` ${flag} ${ip}`, except: [] })),
    ...rule.peers.flatMap((peer) =>
      peer.type === 'block' && isOfFamily(peer.cidr, family)
        ? [{ match: ` ${flag} ${peer.cidr}`, except: peer.except }]
        : [],
    ),
  ]
}

function selectedPods(
  { pods, namespaces }: PolicyState,
  policy: NetworkPolicy,
  peers: readonly PolicyPeer[],
): readonly PolicyPod[] {
  return pods.filter((pod) =>
    peers.some((peer) => {
      if (peer.type !== 'pods' || !peer.pods.matches(pod.labels)) return false
      if (!peer.namespaces) return pod.namespace === policy.namespace
      // Which every namespace of a cluster has, too.
      const own = { ...namespaces.get(pod.namespace), 'kubernetes.io/metadata.name': pod.namespace }
      return peer.namespaces.matches(own)
    }),
  )
}

/** A port by its number, which one by name has where the pod declares it. */
function numbered(port: PolicyPort, pod: PolicyPod): PolicyPort[] {
  if (typeof port.port !== 'string') return [port]
  return pod.ports.flatMap(({ name, containerPort, protocol }) =>
    name === port.port && protocol === port.protocol
      ? [{ protocol, port: { from: containerPort, to: containerPort } }]
      : [],
  )
}

/** Matches of iptables, few as can be. All of `ports` have numbers or none. */
function portMatches(ports: readonly PolicyPort[]): string[] {
  return [...Map.groupBy(ports, ({ protocol }) => protocol)].flatMap(([protocol, own]) => {
    const name = protocol.toLowerCase()
    if (own.some(({ port }) => port === undefined)) return [` -p ${name}`]
    const matches: string[] = []
    let taken: string[] = []
    let count = 0
    const flush = (): void => {
      if (taken.length > 0) matches.push(` -p ${name} -m multiport --dports ${taken.join(',')}`)
      taken = []
      count = 0
    }
    for (const { port } of own) {
      if (typeof port !== 'object') continue
      const one = port.from === port.to
      if (count + (one ? 1 : 2) > MULTIPORT) flush()
      taken.push(one ? String(port.from) : `${port.from}:${port.to}`)
      count += one ? 1 : 2
    }
    flush()
    return matches
  })
}

function ofFamily(addresses: readonly string[], family: Family): string[] {
  return addresses.filter((address) => isOfFamily(address, family))
}

function isOfFamily(address: string, family: Family): boolean {
  return address.includes(':') === (family === 6)
}
