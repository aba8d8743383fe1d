import type { DiscoveryRequest, DiscoveryResponse } from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import type { MeshClient } from '../../xds/client.ts'
import { RESOURCE_TYPES, type MeshResource, type ResourceType } from '../../xds/resource.ts'
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

interface Subscription {
  wildcard: boolean
  /** Whether a request ever had names: from then on none means nothing, and before everything. */
  explicit: boolean
  names: ReadonlySet<string>
  /** Name -> version of what the client holds. */
  readonly sent: Map<string, string>
  nonce: string
  readonly answers: Answers
}

/**
 * The state-of-the-world variant of ADS
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#four-variants), for gRPC libraries and Envoy:
 * each response of listeners or clusters has every one that was asked for and exists; of routes and endpoints, those
 * that changed ("grouping resources into responses").
 */
export class SotwSession implements Session {
  version = 0
  readonly #client: MeshClient
  readonly #deps: SessionDependencies<DiscoveryResponse>
  readonly #subscriptions = new Map<ResourceType, Subscription>()
  #nonce = 0
  /** Version of the mesh that every subscription was compared with. */
  #offered = 0

  constructor(client: MeshClient, deps: SessionDependencies<DiscoveryResponse>) {
    this.#client = client
    this.#deps = deps
  }

  get rejected(): string {
    for (const [type, { answers }] of this.#subscriptions)
      if (answers.refused !== '') return `${type}: ${answers.refused}`
    return ''
  }

  /** @throws BadRequest */
  handle(request: DiscoveryRequest): void {
    const type = typeOf(request.typeUrl)
    const known = this.#subscriptions.get(type)
    // A request that answers an older response says nothing about the newest one ("nonces": ignore it). A nonce of
    // an earlier stream, on the first request, is none of ours.
    if (known && request.responseNonce && request.responseNonce !== known.nonce) return
    const asked = request.resourceNames ?? []
    checkNames('resource_names', asked)
    checkCount('resource_names', asked.length)
    const subscription = known ?? newSubscription()
    if (known) this.#acknowledge(type, known, request)
    else this.#subscriptions.set(type, subscription)
    const more = subscribe(subscription, asked, hasLegacyWildcard(type))
    const view = this.#deps.view()
    if (this.#offered === 0) this.#offered = view.version
    if (!known || more) this.#pushType(type, subscription, view, true)
    this.#settle()
  }

  push(): void {
    const view = this.#deps.view()
    for (const type of RESOURCE_TYPES) {
      const subscription = this.#subscriptions.get(type)
      if (subscription) this.#pushType(type, subscription, view, false)
    }
    this.#offered = view.version
    this.#settle()
  }

  #settle(): void {
    for (const { answers } of this.#subscriptions.values())
      if (answers.waiting || answers.refused !== '') return
    this.version = this.#offered
  }

  #acknowledge(type: ResourceType, { answers }: Subscription, request: DiscoveryRequest): void {
    if (!request.responseNonce || !answers.answered(request.responseNonce, request.errorDetail)) return
    if (request.errorDetail) this.#deps.onRejected(type, `${type}: ${answers.refused}`)
  }

  #pushType(type: ResourceType, subscription: Subscription, view: MeshView, asked: boolean): void {
    const { names, sent, wildcard } = subscription
    const all: MeshResource[] = []
    const changed: MeshResource[] = []
    const gone = new Set(sent.keys())
    const compare = (name: string): void => {
      const resource = view.resource(type, name, this.#client)
      if (!resource) return
      gone.delete(name)
      all.push(resource)
      if (sent.get(name) === resource.version) return
      sent.set(name, resource.version)
      changed.push(resource)
    }
    for (const name of names) compare(name)
    if (wildcard) for (const name of view.names(type, this.#client)) if (!names.has(name)) compare(name)
    for (const name of gone) sent.delete(name)
    if (type === 'cluster' && this.#client.takes.warmsEndpoints) {
      for (const { name } of changed) this.#subscriptions.get('endpoints')?.sent.delete(name)
    }
    // Listeners and clusters that are missing do not exist. For routes and endpoints an empty answer would say nothing.
    if (!hasLegacyWildcard(type))
      return changed.length > 0 ? this.#send(type, subscription, view, changed) : undefined
    if (asked || changed.length > 0 || gone.size > 0) this.#send(type, subscription, view, all)
  }

  #send(
    type: ResourceType,
    subscription: Subscription,
    view: MeshView,
    resources: readonly MeshResource[],
  ): void {
    subscription.nonce = String(++this.#nonce)
    subscription.answers.supersede()
    subscription.answers.sent(subscription.nonce, new Set(resources.map(({ name }) => name)))
    this.#deps.send({
      versionInfo: String(view.version),
      typeUrl: TYPE_URL[type],
      resources: resources.map(({ typeUrl, body }) => ({ typeUrl, value: body })),
      nonce: subscription.nonce,
    })
  }
}

function newSubscription(): Subscription {
  return {
    wildcard: false,
    explicit: false,
    names: new Set(),
    sent: new Map(),
    nonce: '',
    answers: new Answers(),
  }
}

/** Takes the names of a request, which are all that the client wants now. True: it wants something more than before. */
function subscribe(subscription: Subscription, asked: readonly string[], legacyWildcard: boolean): boolean {
  const { names: before, wildcard: all, sent } = subscription
  const names = new Set(asked)
  const wildcard = names.delete(WILDCARD)
  subscription.explicit ||= asked.length > 0
  subscription.wildcard = wildcard || (legacyWildcard && !subscription.explicit)
  subscription.names = names
  let more = subscription.wildcard && !all
  for (const name of names) {
    if (before.has(name)) continue
    // "the server must resend any newly requested resources, even if it previously sent those".
    sent.delete(name)
    more = true
  }
  if (!subscription.wildcard) for (const name of sent.keys()) if (!names.has(name)) sent.delete(name)
  return more
}
