import { INBOUND_PORT, OUTBOUND_PORT, OWN_INBOUND_PORTS, PROXY_GID, PROXY_UID } from '../../core/contract.ts'
import { parseCidr } from './cidr.ts'

/** Which of a pod's TCP connections go through its sidecar. */
export interface CaptureSettings {
  readonly outboundPort: number
  readonly inboundPort: number
  readonly proxyUid: number
  readonly proxyGid: number
  /** `*` is every port. */
  readonly includeInboundPorts: readonly number[] | '*'
  readonly excludeInboundPorts: readonly number[]
  readonly includeOutboundPorts: readonly number[] | '*'
  readonly excludeOutboundPorts: readonly number[]
  /** IPv4 and IPv6 mixed; each family's rules take their own. */
  readonly excludeOutboundCidrs: readonly string[]
}

export const defaultCapture: CaptureSettings = {
  outboundPort: OUTBOUND_PORT,
  inboundPort: INBOUND_PORT,
  proxyUid: PROXY_UID,
  proxyGid: PROXY_GID,
  includeInboundPorts: '*',
  excludeInboundPorts: [],
  includeOutboundPorts: '*',
  excludeOutboundPorts: [],
  excludeOutboundCidrs: [],
}

export type Family = 4 | 6

/** Chains of ours in the nat table; nothing else in the table is touched but the two jumps to them. */
const CHAINS = ['WEFT_INBOUND', 'WEFT_IN_REDIRECT', 'WEFT_OUTPUT', 'WEFT_REDIRECT'] as const

/**
 * Connections there are captured whatever a pod's settings exclude: the validator of a pod makes one to see that its rules
 * are in force. Addresses of documentation (RFC 5737, RFC 3849), which nobody has.
 */
export const PROBE_ADDRESSES: Readonly<Record<Family, string>> = { 4: '192.0.2.1', 6: '2001:db8::1' }

const JUMPS = ['PREROUTING -p tcp -j WEFT_INBOUND', 'OUTPUT -p tcp -j WEFT_OUTPUT'] as const

/**
 * Input of `iptables-restore --noflush` (family 4) or `ip6tables-restore --noflush` (family 6) that sets
 * the capture rules, from whatever state of ours `saved` (the output of iptables-save for the nat table)
 * shows. One table, one COMMIT: the kernel takes all of it or none.
 */
export function captureRules(settings: CaptureSettings, family: Family, saved = ''): string {
  return [
    '*nat',
    // With --noflush, declaring a chain of one's own empties it.
    ...CHAINS.map((chain) => `:${chain} - [0:0]`),
    ...dropJumps(saved),
    ...captureChains(settings, family).map((rule) => `-A ${rule}`),
    ...JUMPS.map((jump) => `-A ${jump}`),
    'COMMIT',
    '',
  ].join('\n')
}

/** Input that takes the rules away again; undefined where `saved` shows none. */
export function removalRules(saved: string): string | undefined {
  const chains = CHAINS.filter((chain) => saved.includes(`:${chain} `))
  if (chains.length === 0) return undefined
  return [
    '*nat',
    ...dropJumps(saved),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n')
}

/** Input that brings back the rules of ours that `before` shows; undefined where neither state has any. */
export function rollbackRules(before: string, now: string): string | undefined {
  const chains = CHAINS.filter((chain) => before.includes(`:${chain} `))
  if (chains.length === 0) return removalRules(now)
  const lines = before.split('\n').map((line) => line.trim())
  return [
    '*nat',
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...dropJumps(now),
    ...lines.filter((line) => chains.some((chain) => line.startsWith(`-A ${chain} `))),
    ...lines.filter((line) => JUMPS.some((jump) => line === `-A ${jump}`)),
    'COMMIT',
    '',
  ].join('\n')
}

/** What differs between the rules wanted and those of `saved`, a line each; empty when they are in force. */
export function missingRules(settings: CaptureSettings, family: Family, saved: string): string[] {
  const found = saved.split('\n').map((line) => line.trim())
  const problems = JUMPS.flatMap((jump) => {
    const count = found.filter((line) => line === `-A ${jump}`).length
    return count === 1 ? [] : [`${count} jumps "${jump}" where there should be 1`]
  })
  const wanted = captureChains(settings, family)
  for (const chain of CHAINS) {
    // By number: iptables versions print the same rule with different words.
    const expected = wanted.filter((rule) => rule.startsWith(`${chain} `)).length
    const count = found.filter((line) => line.startsWith(`-A ${chain} `)).length
    if (count !== expected) problems.push(`chain ${chain} has ${count} rules instead of ${expected}`)
  }
  return problems
}

function dropJumps(saved: string): string[] {
  return saved
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => JUMPS.some((jump) => line === `-A ${jump}`))
    .map((line) => line.replace(/^-A/, '-D'))
}

function captureChains(settings: CaptureSettings, family: Family): string[] {
  return [
    ...inbound(settings),
    `WEFT_IN_REDIRECT -p tcp -j REDIRECT --to-ports ${settings.inboundPort}`,
    ...outbound(settings, family),
    `WEFT_REDIRECT -p tcp -j REDIRECT --to-ports ${settings.outboundPort}`,
  ]
}

// nat rules see only the first packet of a connection. One that stays in the pod (over lo) had its
// decision in OUTPUT and never comes here.
function inbound(settings: CaptureSettings): string[] {
  const chain = 'WEFT_INBOUND'
  const { includeInboundPorts: included } = settings
  return [
    // What is sent through the pod to another address (a neighbour naming it as its router) must not be
    // redirected: its original destination is not this pod, and the sidecar would be an open relay.
    `${chain} -m addrtype ! --dst-type LOCAL -j RETURN`,
    // Nobody outside reaches the outbound listener, also where only some ports are captured.
    ...[settings.outboundPort, settings.inboundPort].map(
      (port) => `${chain} ${tcp(port)} -j WEFT_IN_REDIRECT`,
    ),
    ...ports([...OWN_INBOUND_PORTS, ...settings.excludeInboundPorts], chain, 'RETURN'),
    ...(included === '*' ? [`${chain} -j WEFT_IN_REDIRECT`] : ports(included, chain, 'WEFT_IN_REDIRECT')),
  ]
}

function outbound(settings: CaptureSettings, family: Family): string[] {
  const chain = 'WEFT_OUTPUT'
  const { includeOutboundPorts: included } = settings
  return [
    // All that stays in the pod is direct: the app on 127.0.0.1, the app calling its own pod's address,
    // and the sidecar handing a request to the app at the pod's address. No user is asked for, so
    // nothing that the sidecar sends to the app can come back to it.
    `${chain} -o lo -j RETURN`,
    `${chain} -m owner --uid-owner ${settings.proxyUid} -j RETURN`,
    `${chain} -m owner --gid-owner ${settings.proxyGid} -j RETURN`,
    `${chain} -d ${PROBE_ADDRESSES[family]}/${family === 4 ? 32 : 128} ${tcp(settings.outboundPort)} -j WEFT_REDIRECT`,
    // A link-local address means nothing without its interface, which a redirect loses.
    ...(family === 6 ? [`${chain} -d fe80::/10 -j RETURN`] : []),
    ...ports([53, ...settings.excludeOutboundPorts], chain, 'RETURN'),
    ...cidrs(settings.excludeOutboundCidrs, family).map((cidr) => `${chain} -d ${cidr} -j RETURN`),
    ...(included === '*' ? [`${chain} -j WEFT_REDIRECT`] : ports(included, chain, 'WEFT_REDIRECT')),
  ]
}

function ports(list: readonly number[], chain: string, target: string): string[] {
  return [...new Set(list)].sort((a, b) => a - b).map((port) => `${chain} ${tcp(port)} -j ${target}`)
}

function tcp(port: number): string {
  return `-p tcp -m tcp --dport ${port}`
}

function cidrs(list: readonly string[], family: Family): string[] {
  const parsed = list.map((text) => parseCidr(text)).filter((cidr) => cidr.family === family)
  return [...new Set(parsed.map((cidr) => cidr.text))].sort()
}
