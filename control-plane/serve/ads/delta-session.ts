import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  Resource,
} from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import type { MeshClient } from '../../xds/client.ts'
import { RESOURCE_TYPES, type MeshResource, type ResourceType } from '../../xds/resource.ts'
import { scopeOf } from '../../xds/scope.ts'
import { Answers } from './answers.ts'
import {
  checkCount,
  checkNames,
  hasLegacyWildcard,
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
  /** What each of the names follows; see scopeOf. */
  readonly scopes: Map<string, string | undefined>
  /** Version that was sent last under each name; '' when the client was told that it does not exist. */
  readonly sent: Map<string, string>
  readonly answers: Answers
}

interface Difference {
  readonly changed: readonly MeshResource[]
  readonly removed: readonly string[]
}

// Well under grpc-js's 4 MiB for one message, so that a large wildcard comes in several.
const RESPONSE_BYTES = 1024 * 1024

/** No version of anything: what is held under it has to be told anew. */
const UNKNOWN = '?'

/**
 * The incremental variant of ADS (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds):
 * only what changed is sent, and every name that was asked for gets an answer, if only that it does not exist.
 */
export class DeltaSession implements Session {
  version = 0
  readonly #client: MeshClient
  readonly #deps: SessionDependencies<DeltaDiscoveryResponse>
  readonly #subscriptions = new Map<ResourceType, Subscription>()
  #nonce = 0
  /** Version of the mesh that every subscription was compared with. */
  #offered = 0

  constructor(client: MeshClient, deps: SessionDependencies<DeltaDiscoveryResponse>) {
    this.#client = client
    this.#deps = deps
  }

  get rejected(): string {
    for (const [type, { answers }] of this.#subscriptions)
      if (answers.refused !== '') return `${type}: ${answers.refused}`
    return ''
  }

  /** @throws BadRequest */
  handle(request: DeltaDiscoveryRequest): void {
    const type = typeOf(request.typeUrl)
    const subscribe = request.resourceNamesSubscribe ?? []
    const unsubscribe = request.resourceNamesUnsubscribe ?? []
    checkNames('resource_names_subscribe', subscribe)
    const known = this.#subscriptions.get(type)
    const subscription = known ?? newSubscription()
    if (known) this.#acknowledge(type, known, request)
    else {
      this.#subscriptions.set(type, subscription)
      const held = Object.entries(request.initialResourceVersions ?? {})
      checkNames(
        'initial_resource_versions',
        held.map(([name]) => name),
      )
      for (const [name, version] of held) subscription.sent.set(name, version)
      if (subscribe.length === 0 && hasLegacyWildcard(type)) subscription.wildcard = true
    }
    const { wildcard } = subscription
    unsubscribeFrom(subscription, unsubscribe)
    subscribeTo(subscription, subscribe, known !== undefined)
    checkCount('resource_names_subscribe', subscription.names.size)
    // Of an earlier stream, and nobody asks for it on this one.
    if (!known && !subscription.wildcard) keepOnly(subscription.sent, subscription.names)

    const view = this.#deps.view()
    if (this.#offered === 0) this.#offered = view.version
    if (!known || subscribe.length > 0 || unsubscribe.length > 0) {
      // A client waits for the first answer to a type or wildcard, if only to hear that there is nothing (new).
      const must = !known || (subscription.wildcard && !wildcard)
      this.#respond(type, subscription, view, this.#difference(type, subscription, view), must)
    }
    this.#settle()
  }

  /** Make before break: what is new comes in the order of RESOURCE_TYPES; clusters go when no route names them. */
  push(): void {
    const view = this.#deps.view()
    const touched = view.touchedSince(this.#offered)
    const stale: (() => void)[] = []
    for (const type of RESOURCE_TYPES) {
      const subscription = this.#subscriptions.get(type)
      if (!subscription) continue
      const { changed, removed } = this.#difference(type, subscription, view, touched)
      const later = type === 'cluster' || type === 'endpoints'
      this.#respond(type, subscription, view, { changed, removed: later ? [] : removed })
      if (later) stale.push(() => this.#respond(type, subscription, view, { changed: [], removed }))
    }
    for (const remove of stale) remove()
    this.#offered = view.version
    this.#settle()
  }

  #settle(): void {
    for (const { answers } of this.#subscriptions.values())
      if (answers.waiting || answers.refused !== '') return
    this.version = this.#offered
  }

  #acknowledge(type: ResourceType, { answers }: Subscription, request: DeltaDiscoveryRequest): void {
    if (!request.responseNonce || !answers.answered(request.responseNonce, request.errorDetail)) return
    if (request.errorDetail) this.#deps.onRejected(type, `${type}: ${answers.refused}`)
  }

  /**
   * What the client has to be told; counts as told from here on. `touched`: what may differ since the last time that
   * all of it was compared.
   */
  #difference(
    type: ResourceType,
    subscription: Subscription,
    view: MeshView,
    touched?: ReadonlySet<string>,
  ): Difference {
    const { names, sent, wildcard } = subscription
    const changed: MeshResource[] = []
    const removed: string[] = []
    const compare = (name: string): void => {
      const resource = view.resource(type, name, this.#client)
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
    const wanted = wildcard ? view.names(type, this.#client) : []
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
    if (type === 'cluster' && this.#client.takes.warmsEndpoints) this.#endpointsAgain(changed)
    return { changed, removed }
  }

  #scope(type: ResourceType, { scopes }: Subscription, name: string): string | undefined {
    if (!scopes.has(name)) scopes.set(name, scopeOf(type, name, this.#client))
    return scopes.get(name)
  }

  #endpointsAgain(clusters: readonly MeshResource[]): void {
    const sent = this.#subscriptions.get('endpoints')?.sent
    for (const { name } of clusters) if (sent?.has(name)) sent.set(name, UNKNOWN)
  }

  #respond(
    type: ResourceType,
    subscription: Subscription,
    view: MeshView,
    { changed, removed }: Difference,
    must = false,
  ): void {
    let resources: Resource[] = []
    let removedResources: string[] = []
    let bytes = 0
    const flush = (): void => {
      const nonce = String(++this.#nonce)
      const names = [...resources.map(({ name }) => name ?? ''), ...removedResources]
      subscription.answers.sent(nonce, new Set(names))
      const systemVersionInfo = String(view.version)
      this.#deps.send({ systemVersionInfo, typeUrl: TYPE_URL[type], resources, removedResources, nonce })
      resources = []
      removedResources = []
      bytes = 0
    }
    const makeRoom = (size: number): void => {
      if (bytes > 0 && bytes + size > RESPONSE_BYTES) flush()
      bytes += size
    }
    for (const { name, version, typeUrl, body } of changed) {
      makeRoom(body.length + name.length)
      resources.push({ name, version, resource: { typeUrl, value: body } })
    }
    for (const name of removed) {
      makeRoom(name.length)
      removedResources.push(name)
    }
    if (must || resources.length > 0 || removedResources.length > 0) flush()
  }
}

function newSubscription(): Subscription {
  return { wildcard: false, names: new Set(), scopes: new Map(), sent: new Map(), answers: new Answers() }
}

function unsubscribeFrom(subscription: Subscription, asked: readonly string[]): void {
  const { names, scopes, sent } = subscription
  for (const name of asked) {
    scopes.delete(name)
    if (name === WILDCARD) subscription.wildcard = false
    // Under a wildcard the client is told again whether it stays.
    else if (names.delete(name)) sent.set(name, UNKNOWN)
  }
  if (asked.length > 0 && !subscription.wildcard) keepOnly(sent, names)
}

function subscribeTo(subscription: Subscription, asked: readonly string[], resend: boolean): void {
  for (const name of asked) {
    if (name === WILDCARD) {
      subscription.wildcard = true
      continue
    }
    // "the server must resend any newly requested resources, even if it previously sent those"; and asked again,
    // answered again. On a first request initial_resource_versions says what the client holds.
    if (resend) subscription.sent.delete(name)
    subscription.names.add(name)
  }
}

function keepOnly(sent: Map<string, string>, names: ReadonlySet<string>): void {
  for (const name of sent.keys()) if (!names.has(name)) sent.delete(name)
}
