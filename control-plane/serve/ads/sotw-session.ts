import type { DiscoveryRequest, DiscoveryResponse } from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import type { MeshClient } from '../../xds/client.ts'
import { RESOURCE_TYPES, type MeshResource, type ResourceType } from '../../xds/resource.ts'
import {
  checkNames,
  hasLegacyWildcard,
  rejection,
  TYPE_URL,
  typeOf,
  WILDCARD,
  type Session,
  type SessionDependencies,
} from './session.ts'

interface Subscription {
  wildcard: boolean
  names: ReadonlySet<string>
  /** Name -> version of every resource of the last response. */
  sent: ReadonlyMap<string, string> | undefined
  nonce: string
  acknowledged: boolean
  pending: number
}

/**
 * The state-of-the-world variant of ADS
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#four-variants), for gRPC libraries and Envoy:
 * each response has every resource that was asked for and exists.
 */
export class SotwSession implements Session {
  rejected = ''
  version = 0
  readonly #client: MeshClient
  readonly #deps: SessionDependencies<DiscoveryResponse>
  readonly #subscriptions = new Map<ResourceType, Subscription>()
  #nonce = 0

  constructor(client: MeshClient, deps: SessionDependencies<DiscoveryResponse>) {
    this.#client = client
    this.#deps = deps
  }

  /** @throws BadRequest */
  handle(request: DiscoveryRequest): void {
    const type = typeOf(request.typeUrl)
    const known = this.#subscriptions.get(type)
    // A request that answers an older response says nothing about the newest one ("nonces": ignore it). A nonce of
    // an earlier stream, on the first request, is none of ours.
    if (known && request.responseNonce && request.responseNonce !== known.nonce) return
    const asked = request.resourceNames ?? []
    checkNames('resource_names', asked, 0)
    const subscription = known ?? newSubscription()
    if (!known) this.#subscriptions.set(type, subscription)
    if (known && request.responseNonce) this.#acknowledge(type, known, request)
    const named = asked.filter((name) => name !== WILDCARD)
    // The legacy wildcard lasts until the client names something.
    const legacy = asked.length === 0 && hasLegacyWildcard(type) && (!known || known.wildcard)
    const wildcard = legacy || named.length < asked.length
    const before = subscription.names
    const more = wildcard !== subscription.wildcard || named.some((name) => !before.has(name))
    subscription.wildcard = wildcard
    subscription.names = new Set(named)
    if (!known || more) this.#pushType(type, subscription, this.#deps.view(), true)
  }

  push(): void {
    const view = this.#deps.view()
    for (const type of RESOURCE_TYPES) {
      const subscription = this.#subscriptions.get(type)
      if (subscription) this.#pushType(type, subscription, view, false)
    }
    if (this.#settled) this.version = view.version
  }

  get #settled(): boolean {
    if (this.rejected !== '') return false
    for (const { acknowledged } of this.#subscriptions.values()) if (!acknowledged) return false
    return true
  }

  #acknowledge(type: ResourceType, subscription: Subscription, request: DiscoveryRequest): void {
    if (request.errorDetail) {
      this.rejected = `${type}: ${rejection(request.errorDetail)}`
      this.#deps.onRejected(type, this.rejected)
      subscription.acknowledged = true
      return
    }
    subscription.acknowledged = true
    if (this.rejected.startsWith(`${type}: `)) this.rejected = ''
    if (this.#settled) this.version = Math.max(this.version, subscription.pending)
  }

  #pushType(type: ResourceType, subscription: Subscription, view: MeshView, asked: boolean): void {
    const names = new Set([
      ...subscription.names,
      ...(subscription.wildcard ? view.names(type, this.#client) : []),
    ])
    const resources: MeshResource[] = []
    const versions = new Map<string, string>()
    for (const name of names) {
      const resource = view.resource(type, name, this.#client)
      if (!resource) continue
      resources.push(resource)
      versions.set(name, resource.version)
    }
    if (!asked && same(versions, subscription.sent)) return
    // Listeners and clusters that are missing do not exist. For routes and endpoints a client waits, so that an
    // empty answer would say nothing.
    if (resources.length === 0 && !hasLegacyWildcard(type) && !subscription.sent) return
    subscription.sent = versions
    subscription.nonce = String(++this.#nonce)
    subscription.acknowledged = false
    subscription.pending = view.version
    this.#deps.send({
      versionInfo: String(view.version),
      typeUrl: TYPE_URL[type],
      resources: resources.map(({ typeUrl, body }) => ({ typeUrl, value: body })),
      nonce: subscription.nonce,
    })
  }
}

function newSubscription(): Subscription {
  return { wildcard: false, names: new Set(), sent: undefined, nonce: '', acknowledged: true, pending: 0 }
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string> | undefined): boolean {
  if (!b || a.size !== b.size) return false
  for (const [name, version] of a) if (b.get(name) !== version) return false
  return true
}
