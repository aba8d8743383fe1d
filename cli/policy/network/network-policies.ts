import { parsePeerWorkload } from '../../../core/peer-workload.ts'
import { rulesFor } from '../../../control-plane/model/authorization.ts'
import type { Mesh, Workload } from '../../../control-plane/model/mesh.ts'
import { podSelector, type SelectablePods } from '../suggest/pod-selector.ts'
import { mayReach, namesOthers, portRanges, type Caller, type PortRange } from './open-ports.ts'

/** A NetworkPolicy as it is written. */
export interface WrittenNetworkPolicy {
  readonly apiVersion: 'networking.k8s.io/v1'
  readonly kind: 'NetworkPolicy'
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec: {
    readonly podSelector: WrittenSelector
    readonly policyTypes: readonly ['Ingress']
    readonly ingress: readonly WrittenRule[]
  }
}

interface WrittenSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
}

interface WrittenPeer {
  readonly namespaceSelector: WrittenSelector
  readonly podSelector?: WrittenSelector
}

interface WrittenRule {
  readonly from?: readonly WrittenPeer[]
  readonly ports?: readonly {
    readonly protocol: 'TCP' | 'UDP' | 'SCTP'
    readonly port?: number
    readonly endPort?: number
  }[]
}

/** Of the pods of one workload. */
export interface NetworkSuggestion {
  readonly namespace: string
  readonly workload: string
  /** Undefined: none is written, and `notes` say why. */
  readonly policy: WrittenNetworkPolicy | undefined
  readonly notes: readonly string[]
}

/** Pods of one workload, which one policy selects. */
interface Group extends SelectablePods {
  readonly workloads: readonly Workload[]
}

/** Who may come to some ports: anybody, all pods of the cluster, or some of them. */
type Peers =
  | 'anybody'
  | 'mesh'
  | { readonly namespaces: ReadonlySet<string>; readonly groups: ReadonlySet<Group> }

const NAMESPACE_LABEL = 'kubernetes.io/metadata.name'
/** No service account and no namespace that anybody has: what is let in of them is let in whoever comes. */
const NOBODY = 'weft-no-such-name'
const LAST_PORT = 65_535

/**
 * NetworkPolicies that repeat who may call the pods of a namespace, for the network below the mesh. They refuse nothing that the mesh lets in
 * from pods that are there now: what a NetworkPolicy has no word for (methods, paths, tokens, what is denied) they leave to it.
 */
export function networkPolicies(mesh: Mesh, namespace: string): readonly NetworkSuggestion[] {
  const groups = groupsOf(mesh)
  return groups
    .filter((group) => group.namespace === namespace)
    .map((group) => suggestionFor(mesh, group, groups))
}

function suggestionFor(mesh: Mesh, group: Group, groups: readonly Group[]): NetworkSuggestion {
  const { namespace, name } = group
  const none = (note: string): NetworkSuggestion => ({
    namespace,
    workload: name,
    policy: undefined,
    notes: [note],
  })
  const selector = podSelector(group, groups)
  if (!selector) return none('its pods have no label in common by which a policy could select them')
  const notes = new Set<string>()
  if (selector.others.length > 0)
    notes.add(
      `its labels select pods of ${selector.others.join(', ')}, too: what holds for one holds for all of them`,
    )
  const ranges = mergedRanges(mesh, group, groups)
  const closed = ranges.filter(({ peers }) => peers !== 'anybody')
  if (closed.length === 0) return none('the mesh lets anybody in')
  const written = [...Map.groupBy(ranges, ({ peers }) => keyOf(peers)).values()].flatMap(
    (same): WrittenRule[] => {
      const from = peersWritten(same[0]?.peers ?? 'anybody', groups, notes)
      if (from?.length === 0) return []
      return [{ ...(from && { from }), ports: same.map(({ range }) => portWritten(range)) }]
    },
  )
  return {
    namespace,
    workload: name,
    policy: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: `weft-${name}`.slice(0, 253), namespace },
      spec: {
        podSelector: { matchLabels: selector.labels },
        policyTypes: ['Ingress'],
        // The mesh decides on TCP alone.
        ingress: [...written, { ports: [{ protocol: 'UDP' }, { protocol: 'SCTP' }] }],
      },
    },
    notes: [...notes],
  }
}

interface RangeAndPeers {
  readonly range: PortRange
  readonly peers: Peers
}

/** Of all pods of the group together, ranges of the same peers joined. */
function mergedRanges(mesh: Mesh, group: Group, groups: readonly Group[]): readonly RangeAndPeers[] {
  const pods = group.workloads.map((workload) => ({ workload, ranges: portRanges(mesh, workload) }))
  const cuts = new Set(pods.flatMap(({ ranges }) => ranges.flatMap(({ from, to }) => [from, to + 1])))
  const sorted = [...cuts].sort((a, b) => a - b)
  const open: RangeAndPeers[] = []
  for (const [i, from] of sorted.entries()) {
    const to = (sorted[i + 1] ?? from) - 1
    const reached = pods.filter(({ ranges }) => ranges.some((one) => one.from <= from && from <= one.to))
    if (to < from || reached.length === 0) continue
    const peers = joined(reached.map(({ workload }) => peersAt(mesh, workload, from, groups)))
    const last = open.at(-1)
    if (last && last.range.to === from - 1 && keyOf(last.peers) === keyOf(peers))
      open[open.length - 1] = { range: { from: last.range.from, to }, peers }
    else open.push({ range: { from, to }, peers })
  }
  return open
}

function peersAt(mesh: Mesh, workload: Workload, port: number, groups: readonly Group[]): Peers {
  const may = (caller: Caller): boolean => mayReach(mesh, workload, port, caller)
  const domains = [mesh.trustDomain, ...mesh.trustDomainAliases]
  const idOf = (namespace: string, account: string): string =>
    `spiffe://${mesh.trustDomain}/ns/${namespace}/sa/${account}`
  // In plaintext, or from another mesh: from wherever.
  if (
    may({ identity: '', address: '' }) ||
    may({ identity: `spiffe://${NOBODY}.invalid/ns/a/sa/b`, address: '' })
  )
    return 'anybody'
  const { http, tcp } = rulesFor(mesh, workload, workload.ports.find((one) => one.port === port)?.port)
  if ([http, tcp].some((rules) => namesOthers(rules, domains))) return 'anybody'
  if (may({ identity: idOf(NOBODY, NOBODY), address: '' })) return 'mesh'
  const namespaces = new Set(
    [...new Set(groups.map((group) => group.namespace))].filter((namespace) =>
      may({ identity: idOf(namespace, NOBODY), address: '' }),
    ),
  )
  const others = groups.filter(
    (group) =>
      !namespaces.has(group.namespace) &&
      group.workloads.some(({ identity, addresses }) =>
        addresses.some((address) => may({ identity, address })),
      ),
  )
  return { namespaces, groups: new Set(others) }
}

function joined(all: readonly Peers[]): Peers {
  if (all.includes('anybody')) return 'anybody'
  if (all.includes('mesh')) return 'mesh'
  const some = all.filter((one) => typeof one === 'object')
  const namespaces = new Set(some.flatMap((one) => [...one.namespaces]))
  return {
    namespaces,
    groups: new Set(
      some.flatMap((one) => [...one.groups]).filter((group) => !namespaces.has(group.namespace)),
    ),
  }
}

function keyOf(peers: Peers): string {
  if (typeof peers === 'string') return peers
  return JSON.stringify([
    [...peers.namespaces].sort(),
    [...peers.groups].map(({ namespace, name }) => `${namespace}/${name}`).sort(),
  ])
}

/** Undefined: anybody. */
function peersWritten(
  peers: Peers,
  groups: readonly Group[],
  notes: Set<string>,
): readonly WrittenPeer[] | undefined {
  if (peers === 'anybody') return undefined
  if (peers === 'mesh') return [{ namespaceSelector: {} }]
  const inNamespace = (namespace: string): WrittenSelector => ({
    matchLabels: { [NAMESPACE_LABEL]: namespace },
  })
  const whole = new Set(peers.namespaces)
  const selected: WrittenPeer[] = []
  for (const group of peers.groups) {
    const selector = podSelector(group, groups)
    if (!selector) {
      whole.add(group.namespace)
      notes.add(
        `pods of ${group.namespace}/${group.name} may call it and have no label in common: all of their namespace is let in`,
      )
    } else
      selected.push({
        namespaceSelector: inNamespace(group.namespace),
        podSelector: { matchLabels: selector.labels },
      })
  }
  return [
    ...[...whole].sort().map((namespace) => ({ namespaceSelector: inNamespace(namespace) })),
    ...selected.filter(
      ({ namespaceSelector }) => !whole.has(namespaceSelector.matchLabels?.[NAMESPACE_LABEL] ?? ''),
    ),
  ]
}

function portWritten({ from, to }: PortRange) {
  if (from === 1 && to === LAST_PORT) return { protocol: 'TCP' } as const
  return { protocol: 'TCP', port: from, ...(to > from && { endPort: to }) } as const
}

/** The pods with a sidecar, by workload. In order of name. */
function groupsOf(mesh: Mesh): readonly Group[] {
  const byOwner = Map.groupBy(
    mesh.workloads.values(),
    ({ namespace, owner, name }) => `${namespace}/${parsePeerWorkload(owner)?.workload ?? name}`,
  )
  return [...byOwner]
    .map(([key, workloads]) => {
      const [namespace = '', name = ''] = key.split('/', 2)
      return { namespace, name, workloads, pods: workloads.map(({ labels }) => ({ labels })) }
    })
    .toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1))
}
