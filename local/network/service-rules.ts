import { createHash } from 'node:crypto'
import { SERVICE_NETWORK } from '../controllers/addresses.ts'

/** One port of one Service address, and where its connections go. */
export interface ServiceTarget {
  /** For people who read the rules: `namespace/service:port`. */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly endpoints: readonly { readonly address: string; readonly port: number }[]
}

const HAIRPIN_MARK = '0x4000/0x4000'

/**
 * The whole nat table of the node for one address family, as text for iptables-restore: replaced as
 * one, so that no connection ever sees half of a change. A Service without an endpoint has no rule; its
 * address is local to the node, whose kernel then refuses the connection. A pod that reaches itself
 * through a Service is masqueraded, or its answer would never pass the node.
 */
export function serviceRules(targets: readonly ServiceTarget[], family: 4 | 6): string {
  const host = family === 4 ? '/32' : '/128'
  const chains = [
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
  ]
  const network = family === 4 ? SERVICE_NETWORK.v4 : SERVICE_NETWORK.v6
  const rules = [
    `-A PREROUTING -d ${network} -j SERVICES`,
    `-A OUTPUT -d ${network} -j SERVICES`,
    `-A POSTROUTING -m mark --mark ${HAIRPIN_MARK} -j MASQUERADE`,
  ]
  chains.push(':SERVICES - [0:0]')
  for (const target of targets) {
    if (target.address.includes(':') !== (family === 6) || target.endpoints.length === 0) continue
    const chain = `SVC-${chainId(target)}`
    chains.push(`:${chain} - [0:0]`)
    rules.push(
      `-A SERVICES -d ${target.address}${host} -p ${target.protocol} -m ${target.protocol} ` +
        `--dport ${target.port} -m comment --comment "${target.name}" -j ${chain}`,
    )
    for (const [index, endpoint] of target.endpoints.entries()) {
      const left = target.endpoints.length - index
      const pick = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`
      const destination = family === 4 ? endpoint.address : `[${endpoint.address}]`
      const own = `SEP-${chainId(target, endpoint)}`
      chains.push(`:${own} - [0:0]`)
      rules.push(
        `-A ${chain}${pick} -j ${own}`,
        `-A ${own} -s ${endpoint.address}${host} -j MARK --set-xmark ${HAIRPIN_MARK}`,
        `-A ${own} -p ${target.protocol} -m ${target.protocol} -j DNAT --to-destination ${destination}:${endpoint.port}`,
      )
    }
  }
  return `*nat\n${[...chains, ...rules].join('\n')}\nCOMMIT\n`
}

function chainId(target: ServiceTarget, endpoint?: { address: string; port: number }): string {
  const parts = [target.address, target.port, target.protocol, endpoint?.address, endpoint?.port]
  return createHash('sha256').update(parts.join('|')).digest('hex').slice(0, 16).toUpperCase()
}
