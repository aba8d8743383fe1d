import { isIP } from 'node:net'
import type {
  Bootstrap_StaticResources as WireResources,
  Cluster as WireCluster,
  Listener as WireListener,
} from '../../core/xds/generated/envoy.js'
import { describeError } from '../../core/errors.ts'
import type { Cluster, UpstreamSocket } from '../model/cluster.ts'
import type { Listener } from '../model/listener.ts'
import type { DownstreamTls, UpstreamTls } from '../model/tls.ts'
import { decodeCluster } from '../xds/decode-cluster.ts'
import { decodeListener } from '../xds/decode-listener.ts'
import { deepFreeze } from '../xds/decode.ts'
import type { ReadFile } from '../xds/decode-tls.ts'
import { Scope } from '../xds/scope.ts'
import { checkTls } from './check-tls.ts'
import type { Problems } from './problems.ts'

export interface StaticResources {
  readonly listeners: readonly Listener[]
  readonly clusters: readonly Cluster[]
}

const LISTENERS = 'static_resources.listeners'
const CLUSTERS = 'static_resources.clusters'

/** The same decoders as for resources of a server; these here may name files. */
export function decodeStaticResources(
  wire: WireResources,
  problems: Problems,
  readFile: ReadFile,
  workloadIdentity: boolean,
): StaticResources {
  const listeners = decodeAll(wire.listeners ?? [], LISTENERS, problems, (one: WireListener, scope) =>
    decodeListener(one, scope, readFile),
  )
  const clusters = decodeAll(wire.clusters ?? [], CLUSTERS, problems, (one: WireCluster, scope) =>
    decodeCluster(one, scope, readFile),
  )
  const resources = { listeners, clusters }
  if (problems.some) return resources
  checkNames(listeners, LISTENERS, problems)
  checkNames(clusters, CLUSTERS, problems)
  checkAddresses(listeners, problems)
  clusters.forEach((cluster, i) => checkEndpoints(cluster, `${CLUSTERS}[${i}]`, problems))
  const check = (tls: DownstreamTls | UpstreamTls | undefined, path: string): void =>
    checkTls(tls, path, problems, workloadIdentity)
  listeners.forEach((listener, i) => {
    const chains: [path: string, chain: Listener['defaultFilterChain']][] = [
      ...listener.filterChains.map((chain, j) => [`filter_chains[${j}]`, chain] as [string, typeof chain]),
      ['default_filter_chain', listener.defaultFilterChain],
    ]
    if (!chains.some(([, chain]) => chain))
      problems.add(`${LISTENERS}[${i}].filter_chains`, 'is required: at least one, or a default_filter_chain')
    for (const [path, chain] of chains) check(chain?.tls, `${LISTENERS}[${i}].${path}.transport_socket`)
  })
  clusters.forEach((cluster, i) => {
    const checkSocket = ({ tls, proxyProtocol }: UpstreamSocket, path: string): void =>
      check(tls, `${path}.transport_socket${proxyProtocol ? '.typed_config.transport_socket' : ''}`)
    checkSocket(cluster, `${CLUSTERS}[${i}]`)
    cluster.socketMatches.forEach((match, j) =>
      checkSocket(match, `${CLUSTERS}[${i}].transport_socket_matches[${j}]`),
    )
  })
  deepFreeze(resources)
  return resources
}

function decodeAll<W, M>(
  messages: readonly W[],
  path: string,
  problems: Problems,
  decode: (message: W, scope: Scope) => M,
): M[] {
  return messages.flatMap((message, i) => {
    const scope = new Scope(`${path}[${i}]`)
    try {
      const value = decode(message, scope)
      for (const problem of scope.problems) problems.add(problem.field ?? scope.path, problem.message)
      return scope.problems.length > 0 ? [] : [value]
    } catch (error) {
      problems.add(scope.path, describeError(error))
      return []
    }
  })
}

function checkNames(resources: readonly { readonly name: string }[], path: string, problems: Problems): void {
  const names = new Set<string>()
  resources.forEach(({ name }, i) => {
    if (names.has(name))
      problems.add(`${path}[${i}].name`, `"${name}" is the name of another one: rename one`)
    names.add(name)
  })
}

function checkAddresses(listeners: readonly Listener[], problems: Problems): void {
  const bound = new Map<string, string>()
  listeners.forEach(({ name, address }, i) => {
    if (!address) return
    const path = `${LISTENERS}[${i}].address.socket_address`
    if (isIP(address.host) === 0) problems.add(`${path}.address`, 'must be an IP address')
    if (address.port > 65_535) problems.add(`${path}.port_value`, 'must be a port from 0 to 65535')
    const key = `${address.host} ${address.port}`
    const other = bound.get(key)
    if (other !== undefined && address.port !== 0)
      problems.add(`${path}.port_value`, `is bound by the listener "${other}" too: use another port`)
    bound.set(key, name)
  })
}

function checkEndpoints({ discovery }: Cluster, path: string, problems: Problems): void {
  if (discovery.kind !== 'static' && discovery.kind !== 'dns') return
  for (const { address, port } of discovery.endpoints) {
    if (discovery.kind === 'static' && isIP(address) === 0)
      problems.add(`${path}.load_assignment`, `${address} is no IP address: use one, or type STRICT_DNS`)
    if (port > 65_535) problems.add(`${path}.load_assignment`, `${port} is no port: use 1 to 65535`)
  }
}
