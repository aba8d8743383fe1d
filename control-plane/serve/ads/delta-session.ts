import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  Resource,
} from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import type { MeshClient } from '../../xds/client.ts'
import { RESOURCE_TYPES, type ResourceType } from '../../xds/resource.ts'
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

/** What one stream holds of one type. */
interface Subscription {
  wildcard: boolean
  /** Asked for by name. */
  readonly names: Set<string>
  /** Version that was sent last under each name; '' when the client was told that it does not exist. */
  readonly sent: Map<string, string>
  /** Of the response that waits for its ACK, and the mesh version that it brought. */
  nonce: string
  pending: number
}

// Well under grpc-js's 4 MiB for one message, so that a large wildcard comes in several.
const RESPONSE_BYTES = 1024 * 1024

/**
 * The incremental variant of ADS (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds):
 * only what changed is sent, and every name that was asked for gets an answer, if only that it does not exist.
 */
export class DeltaSession implements Session {
  rejected = ''
  version = 0
  readonly #client: MeshClient
  readonly #deps: SessionDependencies<DeltaDiscoveryResponse>
  readonly #subscriptions = new Map<ResourceType, Subscription>()
  #nonce = 0

  constructor(client: MeshClient, deps: SessionDependencies<DeltaDiscoveryResponse>) {
    this.#client = client
    this.#deps = deps
  }

  /** @throws BadRequest */
  handle(request: DeltaDiscoveryRequest): void {
    const type = typeOf(request.typeUrl)
    const known = this.#subscriptions.get(type)
    const subscription = known ?? newSubscription()
    this.#acknowledge(type, subscription, request)
    const subscribe = request.resourceNamesSubscribe ?? []
    checkNames('resource_names_subscribe', subscribe, subscription.names.size)
    if (!known) {
      this.#subscriptions.set(type, subscription)
      const held = Object.entries(request.initialResourceVersions ?? {})
      checkNames(
        'initial_resource_versions',
        held.map(([name]) => name),
        0,
      )
      for (const [name, version] of held) subscription.sent.set(name, version)
      if (subscribe.length === 0 && hasLegacyWildcard(type)) subscription.wildcard = true
    }
    for (const name of request.resourceNamesUnsubscribe ?? []) {
      if (name === WILDCARD) subscription.wildcard = false
      subscription.names.delete(name)
      // Under a wildcard it stays, and the client that let go of it is told again.
      subscription.sent.delete(name)
    }
    for (const name of subscribe) {
      if (name === WILDCARD) {
        subscription.wildcard = true
        continue
      }
      // Asked again: answered again, whatever was sent before.
      if (subscription.names.has(name)) subscription.sent.delete(name)
      subscription.names.add(name)
    }
    if (!known || subscribe.length > 0 || request.resourceNamesUnsubscribe?.length)
      this.#pushType(type, subscription, this.#deps.view())
  }

  push(): void {
    const view = this.#deps.view()
    for (const type of RESOURCE_TYPES) {
      const subscription = this.#subscriptions.get(type)
      if (subscription) this.#pushType(type, subscription, view)
    }
    if (this.#settled) this.version = view.version
  }

  get #settled(): boolean {
    if (this.rejected !== '') return false
    for (const { nonce } of this.#subscriptions.values()) if (nonce !== '') return false
    return true
  }

  #acknowledge(type: ResourceType, subscription: Subscription, request: DeltaDiscoveryRequest): void {
    if (!request.responseNonce) return
    if (request.errorDetail) {
      this.rejected = `${type}: ${rejection(request.errorDetail)}`
      this.#deps.onRejected(type, this.rejected)
    }
    if (request.responseNonce !== subscription.nonce) return
    subscription.nonce = ''
    if (request.errorDetail) return
    // What was refused before has been replaced by something that was taken.
    if (this.rejected.startsWith(`${type}: `)) this.rejected = ''
    if (this.#settled) this.version = Math.max(this.version, subscription.pending)
  }

  #pushType(type: ResourceType, subscription: Subscription, view: MeshView): void {
    const changed: Resource[] = []
    const removed: string[] = []
    let bytes = 0
    const flush = (): void => {
      this.#send(type, subscription, view, changed.splice(0), removed.splice(0))
      bytes = 0
    }
    const wanted = subscription.wildcard ? view.names(type, this.#client) : []
    for (const name of new Set([...subscription.names, ...wanted])) {
      const resource = view.resource(type, name, this.#client)
      const version = resource?.version ?? ''
      if (subscription.sent.get(name) === version) continue
      subscription.sent.set(name, version)
      if (!resource) {
        removed.push(name)
        continue
      }
      changed.push({ name, version, resource: { typeUrl: resource.typeUrl, value: resource.body } })
      bytes += resource.body.length
      if (bytes >= RESPONSE_BYTES) flush()
    }
    // What only the wildcard brought (or an earlier stream: initial_resource_versions) and is no more.
    if (subscription.sent.size > subscription.names.size) {
      const still = new Set(wanted)
      for (const name of [...subscription.sent.keys()]) {
        if (subscription.names.has(name) || still.has(name)) continue
        subscription.sent.delete(name)
        removed.push(name)
      }
    }
    if (changed.length > 0 || removed.length > 0) flush()
  }

  #send(
    type: ResourceType,
    subscription: Subscription,
    view: MeshView,
    resources: readonly Resource[],
    removedResources: readonly string[],
  ): void {
    const nonce = String(++this.#nonce)
    subscription.nonce = nonce
    subscription.pending = view.version
    this.#deps.send({
      systemVersionInfo: String(view.version),
      typeUrl: TYPE_URL[type],
      resources,
      removedResources,
      nonce,
    })
  }
}

function newSubscription(): Subscription {
  return { wildcard: false, names: new Set(), sent: new Map(), nonce: '', pending: 0 }
}
