import { createHash } from 'node:crypto'
import { OUTBOUND_LISTENER_PREFIX } from '../../core/contract.ts'
import { addressesOf, type Mesh } from '../model/mesh.ts'
import { absentResource } from './absent.ts'
import { apiListener } from './api-listener.ts'
import type { MeshClient } from './client.ts'
import { cluster } from './cluster.ts'
import { endpoints } from './endpoints.ts'
import { inboundListener } from './inbound-listener.ts'
import { INBOUND, inboundCluster, outboundName } from './names.ts'
import { outboundListener, routeNameFor, type ListenerSettings } from './outbound-listener.ts'
import { encode, TYPE_URLS, type MeshResource, type Plan, type ResourceType } from './resource.ts'
import { routeConfiguration } from './route-configuration.ts'

interface Made {
  readonly parts: readonly unknown[]
  readonly resource: MeshResource
  usedAt: number
}

/** Resources that nobody asked for over so many versions of the mesh are forgotten. */
const KEPT_VERSIONS = 64

/**
 * Resources by name, made when first asked for and kept while what they are made of stays. One for a
 * control plane: successive versions of the mesh share it.
 */
export class ResourceCache {
  readonly #settings: ListenerSettings
  readonly #made = new Map<string, Made>()
  #sweptAt = 0

  constructor(settings: ListenerSettings) {
    this.#settings = settings
  }

  /** Undefined: there is no such resource for this client (`removed_resources`). */
  get<T extends ResourceType>(
    mesh: Mesh,
    type: T,
    name: string,
    client: MeshClient,
  ): MeshResource<T> | undefined {
    this.#sweep(mesh.version)
    const plan = this.#plan(mesh, type, name, client) as Plan<T> | undefined
    if (!plan) return client.takes.waitsForNames ? absentResource(type, name, client) : undefined
    const key = keyOf(type, plan.variant, name)
    const made = this.#made.get(key)
    if (made && sameParts(made.parts, plan.parts)) {
      made.usedAt = mesh.version
      return made.resource as MeshResource<T>
    }
    const message = plan.make()
    const body = encode(type, message)
    const version = hashOf(body)
    // Other parts, same content: whoever holds the old one need not be told.
    const resource: MeshResource<T> =
      made?.resource.version === version
        ? (made.resource as MeshResource<T>)
        : { type, typeUrl: TYPE_URLS[type], name, version, message, body }
    this.#made.set(key, { parts: plan.parts, resource, usedAt: mesh.version })
    return resource
  }

  /** Whether what this client gets under a name differs between two versions of the mesh. */
  changed(before: Mesh, now: Mesh, type: ResourceType, name: string, client: MeshClient): boolean {
    const earlier = this.#plan(before, type, name, client)
    const later = this.#plan(now, type, name, client)
    if (!earlier || !later) return earlier !== later
    if (earlier.variant === later.variant && sameParts(earlier.parts, later.parts)) return false
    // Mostly it is still here, as the client got it.
    const held = this.#made.get(keyOf(type, earlier.variant, name))
    const version =
      held && sameParts(held.parts, earlier.parts)
        ? held.resource.version
        : hashOf(encode(type, earlier.make()))
    return version !== this.get(now, type, name, client)?.version
  }

  #plan(mesh: Mesh, type: ResourceType, name: string, client: MeshClient): Plan<ResourceType> | undefined {
    switch (type) {
      case 'listener':
        if (name === INBOUND) return inboundListener(mesh, client, this.#settings)
        return name.startsWith(OUTBOUND_LISTENER_PREFIX)
          ? outboundListener(mesh, name, client, this.#settings)
          : apiListener(mesh, name, client)
      case 'route':
        return routeConfiguration(mesh, name, client)
      case 'cluster':
        return cluster(mesh, name, client)
      case 'endpoints':
        return endpoints(mesh, name, client)
    }
  }

  #sweep(version: number): void {
    if (version < this.#sweptAt + KEPT_VERSIONS) return
    this.#sweptAt = version
    for (const [key, made] of this.#made) if (made.usedAt < version - KEPT_VERSIONS) this.#made.delete(key)
  }
}

/**
 * Every name of a kind that this client could ask for, sorted: what a wildcard stands for. Pods' own
 * addresses and `xds:///` targets are left out: they are endless, or known to who asks.
 */
export function resourceNames(mesh: Mesh, type: ResourceType, client: MeshClient): readonly string[] {
  const own = mesh.workloads.get(`${client.namespace}/${client.pod}`)
  const names: string[] = []
  for (const service of mesh.services.values()) {
    for (const port of service.ports) {
      if (type === 'listener') {
        for (const address of addressesOf(service)) names.push(outboundName(address, port.port))
      } else if (type === 'route') names.push(routeNameFor(mesh, port.key, client))
      else names.push(port.key)
    }
  }
  if (own && type === 'listener') names.push(INBOUND)
  if (own && type === 'cluster')
    names.push(...new Set([INBOUND, ...own.ports.map((port) => inboundCluster(port.proxyProtocol))]))
  // One address of outside may be named by several.
  return [...new Set(names)].sort()
}

function keyOf(type: ResourceType, variant: string, name: string): string {
  return `${type} ${variant} ${name}`
}

function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, 16)
}

function sameParts(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, index) => Object.is(part, b[index]))
}
