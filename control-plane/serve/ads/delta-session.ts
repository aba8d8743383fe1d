import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import { RESOURCE_TYPES, type MeshResource, type ResourceType } from '../../xds/resource.ts'
import { scopeOf } from '../../xds/scope.ts'
import { AdsSession } from './ads-session.ts'
import { contentsOf, type Difference } from './delta-response.ts'
import {
  newSubscription,
  subscribeTo,
  UNKNOWN,
  unsubscribeFrom,
  type DeltaSubscription,
} from './delta-subscription.ts'
import { checkCount, checkNames, hasLegacyWildcard, TYPE_URL, typeOf } from './session.ts'
import { heldBy, keepOnly } from './subscriptions.ts'

/**
 * The incremental variant of ADS (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds):
 * only what changed is sent, and every name that was asked for gets an answer, if only that it does not exist.
 */
export class DeltaSession extends AdsSession<DeltaDiscoveryResponse, DeltaSubscription> {
  /** @throws BadRequest */
  handle(request: DeltaDiscoveryRequest): void {
    const type = typeOf(request.typeUrl)
    const subscribe = request.resourceNamesSubscribe ?? []
    const unsubscribe = request.resourceNamesUnsubscribe ?? []
    checkNames('resource_names_subscribe', subscribe)
    const known = this.subscriptions.get(type)
    const subscription = known ?? newSubscription()
    if (known) this.subscriptions.acknowledge(type, request)
    else {
      this.subscriptions.add(type, subscription)
      const held = Object.entries(request.initialResourceVersions ?? {})
      checkNames(
        'initial_resource_versions',
        held.map(([name]) => name),
      )
      for (const [name, version] of held) {
        subscription.sent.set(name, version)
        subscription.held += heldBy(name) + version.length
      }
      if (subscribe.length === 0 && hasLegacyWildcard(type)) subscription.wildcard = true
    }
    const { wildcard } = subscription
    unsubscribeFrom(subscription, unsubscribe)
    subscribeTo(subscription, subscribe, known !== undefined)
    checkCount('resource_names_subscribe', subscription.names.size)
    // Of an earlier stream, and nobody asks for it on this one.
    if (!known && !subscription.wildcard) keepOnly(subscription.sent, subscription.names)

    const view = this.deps.view()
    if (!known || subscribe.length > 0 || unsubscribe.length > 0) {
      // A client waits for the first answer to a type or wildcard, if only to hear that there is nothing (new).
      const must = !known || (subscription.wildcard && !wildcard)
      this.#respond(type, subscription, view, this.#difference(type, subscription, view), must)
    }
    this.subscriptions.handled(view)
  }

  /** Make before break: what is new comes in the order of RESOURCE_TYPES; clusters go when no route names them. */
  push(): void {
    const view = this.deps.view()
    const touched = view.touchedSince(this.subscriptions.compared)
    const stale: (() => void)[] = []
    for (const type of RESOURCE_TYPES) {
      const subscription = this.subscriptions.get(type)
      if (!subscription) continue
      const { changed, removed } = this.#difference(type, subscription, view, touched)
      const later = type === 'cluster' || type === 'endpoints'
      this.#respond(type, subscription, view, { changed, removed: later ? [] : removed })
      if (later) stale.push(() => this.#respond(type, subscription, view, { changed: [], removed }))
    }
    for (const remove of stale) remove()
    this.subscriptions.pushed(view)
  }

  /**
   * What the client has to be told; counts as told from here on. `touched`: what may differ since the last time that
   * all of it was compared.
   */
  #difference(
    type: ResourceType,
    subscription: DeltaSubscription,
    view: MeshView,
    touched?: ReadonlySet<string>,
  ): Difference {
    const { names, sent, wildcard } = subscription
    const changed: MeshResource[] = []
    const removed: string[] = []
    const compare = (name: string): void => {
      const resource = view.resource(type, name, this.client)
      const version = resource?.version ?? ''
      if (sent.get(name) === version) return
      sent.set(name, version)
      if (resource) changed.push(resource)
      else removed.push(name)
    }
    for (const name of names) {
      const scope = touched && this.#scope(type, subscription, name)
      // Most names of most streams, at each change: nothing to work out, and nothing to compare.
      if (scope === undefined || touched?.has(scope)) compare(name)
    }
    const wanted = wildcard ? view.names(type, this.client) : []
    let wantedAlone = 0
    for (const name of wanted) {
      if (names.has(name)) continue
      wantedAlone++
      compare(name)
    }
    // What only the wildcard brought (or an earlier stream: initial_resource_versions) and is no more.
    if (sent.size > names.size + wantedAlone) {
      const still = new Set(wanted)
      for (const name of sent.keys()) {
        if (names.has(name) || still.has(name)) continue
        sent.delete(name)
        removed.push(name)
      }
    }
    if (type === 'cluster' && this.client.takes.warmsEndpoints) this.#endpointsAgain(changed)
    return { changed, removed }
  }

  #scope(type: ResourceType, { scopes }: DeltaSubscription, name: string): string | undefined {
    if (!scopes.has(name)) scopes.set(name, scopeOf(type, name, this.client))
    return scopes.get(name)
  }

  #endpointsAgain(clusters: readonly MeshResource[]): void {
    const sent = this.subscriptions.get('endpoints')?.sent
    for (const { name } of clusters) if (sent?.has(name)) sent.set(name, UNKNOWN)
  }

  #respond(
    type: ResourceType,
    subscription: DeltaSubscription,
    view: MeshView,
    difference: Difference,
    must = false,
  ): void {
    const contents = contentsOf(difference)
    if (must && contents.length === 0) contents.push({ resources: [], removedResources: [] })
    for (const { resources, removedResources } of contents) {
      const nonce = this.subscriptions.nextNonce()
      const names = [...resources.map(({ name }) => name ?? ''), ...removedResources]
      subscription.answers.sent(nonce, new Set(names))
      const systemVersionInfo = String(view.version)
      this.deps.send({ systemVersionInfo, typeUrl: TYPE_URL[type], resources, removedResources, nonce })
    }
  }
}
