import { isIP } from 'node:net'
import { LabelSelector, parseLabelSelector } from '../../core/label-selector.ts'
import type { NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule } from '../network/policy/network-policy.ts'
import { Fields, invalid } from './fields.ts'

const ALL = new LabelSelector([])

/** Reads a NetworkPolicy. Throws a WeftError that names the field. Source: Kubernetes API networking.k8s.io/v1. */
export function parseNetworkPolicy(fields: Fields, namespace: string, name: string): NetworkPolicy {
  const spec = fields.requiredChild('spec')
  const types = spec.strings('policyTypes') ?? [
    'Ingress',
    ...(spec.list('egress').length > 0 ? ['Egress'] : []),
  ]
  const unknown = types.findIndex((type) => type !== 'Ingress' && type !== 'Egress')
  if (unknown >= 0) throw invalid(`${spec.at('policyTypes')}[${unknown}]`, 'must be Ingress or Egress')
  return {
    namespace,
    name,
    pods: selectorOf(spec, 'podSelector') ?? ALL,
    ingress: types.includes('Ingress')
      ? spec.list('ingress').map((rule) => parseRule(rule, 'from'))
      : undefined,
    egress: types.includes('Egress') ? spec.list('egress').map((rule) => parseRule(rule, 'to')) : undefined,
  }
}

function parseRule(rule: Fields, side: 'from' | 'to'): PolicyRule {
  const other = side === 'from' ? 'to' : 'from'
  // It would be read as "anybody", the opposite of what is meant.
  if (rule.has(other)) throw invalid(rule.at(other), `is not of this direction: write ${side}`)
  const peers = rule.list(side).map(parsePeer)
  const ports = rule.list('ports').map(parsePort)
  // An empty list is none (API networking.k8s.io/v1: "empty or missing matches all").
  return { peers: peers.length > 0 ? peers : undefined, ports: ports.length > 0 ? ports : undefined }
}

function parsePeer(peer: Fields): PolicyPeer {
  const block = peer.child('ipBlock')
  const pods = selectorOf(peer, 'podSelector')
  const namespaces = selectorOf(peer, 'namespaceSelector')
  if (!block) {
    if (!pods && !namespaces)
      throw invalid(peer.path, 'must have a podSelector, a namespaceSelector or an ipBlock')
    return { type: 'pods', namespaces, pods: pods ?? ALL }
  }
  if (pods || namespaces)
    throw invalid(block.path, 'stands alone: put the selector into another entry of the list')
  const cidr = block.requiredString('cidr')
  checkBlock(cidr, block.at('cidr'))
  const except = block.strings('except') ?? []
  for (const [i, one] of except.entries()) {
    checkBlock(one, `${block.at('except')}[${i}]`)
    if (one.includes(':') !== cidr.includes(':'))
      throw invalid(`${block.at('except')}[${i}]`, `must be of the family of ${cidr}`)
  }
  return { type: 'block', cidr, except }
}

function checkBlock(text: string, at: string): void {
  const [address = '', bits = '', ...rest] = text.split('/')
  const family = isIP(address)
  if (family > 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
    return
  throw invalid(at, `\`${text}\` is no block of addresses such as 10.0.0.0/8 or 2001:db8::/32`)
}

function parsePort(port: Fields): PolicyPort {
  const protocol = port.string('protocol') ?? 'TCP'
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP')
    throw invalid(port.at('protocol'), 'must be TCP, UDP or SCTP')
  const from = port.portReference('port')
  const to = port.integer('endPort', 1, 65535)
  if (typeof from === 'number') {
    if (to !== undefined && to < from) throw invalid(port.at('endPort'), `must not be below port, ${from}`)
    return { protocol, port: { from, to: to ?? from } }
  }
  if (to !== undefined) throw invalid(port.at('endPort'), 'needs a port that is a number')
  return { protocol, port: from }
}

function selectorOf(fields: Fields, name: string): LabelSelector | undefined {
  return fields.has(name) ? parseLabelSelector(fields.raw[name], fields.at(name)) : undefined
}
