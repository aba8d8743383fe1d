import type { DiscoveryRequest, DiscoveryResponse } from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import { RESOURCE_TYPES, type MeshResource, type ResourceType } from '../../xds/resource.ts'
import { AdsSession } from './ads-session.ts'
import { checkCount, checkNames, hasLegacyWildcard, TYPE_URL, typeOf } from './session.ts'
import { newSubscription, subscribe, type SotwSubscription } from './sotw-subscription.ts'

/**
 * The state-of-the-world variant of ADS
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#four-variants), for gRPC libraries and Envoy:
 * each response of listeners or clusters has every one that was asked for and exists; of routes and endpoints, those
 * that changed ("grouping resources into responses").
 */
export class SotwSession extends AdsSession<DiscoveryResponse, SotwSubscription> {
  /** @throws BadRequest */
  handle(request: DiscoveryRequest): void {
    const type = typeOf(request.typeUrl)
    const known = this.subscriptions.get(type)
    // A request that answers an older response says nothing about the newest one ("nonces": ignore it). A nonce of
    // an earlier stream, on the first request, is none of ours.
    if (known && request.responseNonce && request.responseNonce !== known.nonce) return
    const asked = request.resourceNames ?? []
    checkNames('resource_names', asked)
    checkCount('resource_names', asked.length)
    const subscription = known ?? newSubscription()
    if (known) this.subscriptions.acknowledge(type, request)
    else this.subscriptions.add(type, subscription)
    const more = subscribe(subscription, asked, hasLegacyWildcard(type))
    const view = this.deps.view()
    if (!known || more) this.#pushType(type, subscription, view, true)
    this.subscriptions.handled(view)
  }

  push(): void {
    const view = this.deps.view()
    for (const type of RESOURCE_TYPES) {
      const subscription = this.subscriptions.get(type)
      if (subscription) this.#pushType(type, subscription, view, false)
    }
    this.subscriptions.pushed(view)
  }

  #pushType(type: ResourceType, subscription: SotwSubscription, view: MeshView, asked: boolean): void {
    const { names, sent, wildcard } = subscription
    const all: MeshResource[] = []
    const changed: MeshResource[] = []
    const gone = new Set(sent.keys())
    const compare = (name: string): void => {
      const resource = view.resource(type, name, this.client)
      if (!resource) return
      gone.delete(name)
      all.push(resource)
      if (sent.get(name) === resource.version) return
      sent.set(name, resource.version)
      changed.push(resource)
    }
    for (const name of names) compare(name)
    if (wildcard) for (const name of view.names(type, this.client)) if (!names.has(name)) compare(name)
    for (const name of gone) sent.delete(name)
    if (type === 'cluster' && this.client.takes.warmsEndpoints) {
      for (const { name } of changed) this.subscriptions.get('endpoints')?.sent.delete(name)
    }
    // Listeners and clusters that are missing do not exist. For routes and endpoints an empty answer would say nothing.
    if (!hasLegacyWildcard(type))
      return changed.length > 0 ? this.#send(type, subscription, view, changed) : undefined
    if (asked || changed.length > 0 || gone.size > 0) this.#send(type, subscription, view, all)
  }

  #send(
    type: ResourceType,
    subscription: SotwSubscription,
    view: MeshView,
    resources: readonly MeshResource[],
  ): void {
    subscription.nonce = this.subscriptions.nextNonce()
    subscription.answers.supersede()
    subscription.answers.sent(subscription.nonce, new Set(resources.map(({ name }) => name)))
    this.deps.send({
      versionInfo: String(view.version),
      typeUrl: TYPE_URL[type],
      resources: resources.map(({ typeUrl, body }) => ({ typeUrl, value: body })),
      nonce: subscription.nonce,
    })
  }
}
