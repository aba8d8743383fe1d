import {
  Bootstrap as WireBootstrap,
  type Address,
  type Node as WireNode,
} from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import { isIP } from 'node:net'
import type { Cluster } from '../model/cluster.ts'
import type { Listener } from '../model/listener.ts'
import { parseSource } from './document.ts'
import { readDynamicResources, type DynamicResources } from './dynamic-resources.ts'
import { readPemFile } from './pem-file.ts'
import { Problems } from './problems.ts'
import { readMessage } from './read-message.ts'
import { checkReferences } from './references.ts'
import { decodeStaticResources } from './static-resources.ts'

/** envoy.config.bootstrap.v3.Bootstrap, as far as Weft reads it (docs/bootstrap.md); immutable. */
export interface ProxyBootstrap {
  readonly node: {
    readonly id: string
    readonly cluster: string
    readonly metadata: JsonObject
    readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string }
  }
  readonly admin?: { readonly host: string; readonly port: number }
  readonly static: {
    /** Names are unique. Routes are inline; rds only if there is `dynamic`. */
    readonly listeners: readonly Listener[]
    /** Names are unique. Endpoints are inline; eds only if there is `dynamic`. */
    readonly clusters: readonly Cluster[]
  }
  readonly dynamic?: DynamicResources
  /** The file itself, for people: as it was read, with the secrets that stand in it. */
  readonly message: WireBootstrap
}

export interface BootstrapOptions {
  /** For messages only. */
  readonly fileName: string
  /** Reads a PEM file that the bootstrap names; throws WeftError. */
  readonly readFile?: (path: string) => string
  /** Whether the secrets `default` and `ROOTCA` will be there; false refuses them. */
  readonly workloadIdentity?: boolean
}

export type BootstrapResult =
  | { readonly ok: true; readonly bootstrap: ProxyBootstrap }
  /** `file:line:col: field.path: what is wrong and what to do`, in the order of the file. */
  | { readonly ok: false; readonly problems: string[] }

/**
 * Reads a bootstrap file, YAML or JSON. Never throws for what is in `text`. Certificates that it names are read here,
 * once, and checked.
 */
export function readBootstrap(text: string, options: BootstrapOptions): BootstrapResult {
  const problems = new Problems(options.fileName)
  const bootstrap = read(text, problems, options)
  return bootstrap && !problems.some ? { ok: true, bootstrap } : { ok: false, problems: problems.format() }
}

function read(
  text: string,
  problems: Problems,
  { readFile = readPemFile, workloadIdentity = false }: BootstrapOptions,
): ProxyBootstrap | undefined {
  const tree = parseSource(text, problems)
  if (!tree) return undefined
  const wire = readMessage(tree, WireBootstrap, problems)
  // What a decoder would say about half a message is not true of the file.
  if (problems.some) return undefined
  if (!wire.staticResources && !wire.dynamicResources)
    problems.add('', 'needs static_resources or dynamic_resources')
  const resources = decodeStaticResources(wire.staticResources ?? {}, problems, readFile, workloadIdentity)
  if (problems.some) return undefined
  const dynamic = wire.dynamicResources
    ? readDynamicResources(wire.dynamicResources, resources.clusters, problems)
    : undefined
  if (dynamic && !wire.node?.id) problems.add('node.id', 'is required with dynamic_resources')
  if (dynamic && !wire.node?.cluster) problems.add('node.cluster', 'is required with dynamic_resources')
  checkReferences(resources, dynamic, problems)
  const admin = wire.admin ? readAdmin(wire.admin.address, problems) : undefined
  return Object.freeze({
    node: readNode(wire.node ?? {}),
    ...(admin && { admin }),
    static: resources,
    ...(dynamic && { dynamic }),
    message: wire,
  })
}

function readNode(node: WireNode): ProxyBootstrap['node'] {
  const { id = '', cluster = '', metadata = {}, locality } = node
  if (!locality) return { id, cluster, metadata }
  const { region = '', zone = '', subZone = '' } = locality
  return { id, cluster, metadata, locality: { region, zone, subZone } }
}

function readAdmin(address: Address | undefined, problems: Problems): { host: string; port: number } {
  const host = address?.socketAddress?.address ?? ''
  const port = address?.socketAddress?.portValue ?? 0
  const path = 'admin.address.socket_address'
  if (isIP(host) === 0) problems.add(`${path}.address`, 'must be an IP address')
  if (port > 65_535) problems.add(`${path}.port_value`, 'must be a port from 0 to 65535')
  return { host, port }
}
