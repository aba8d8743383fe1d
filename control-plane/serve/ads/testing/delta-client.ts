import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../../mesh.ts'
import type { MeshClient } from '../../../xds/client.ts'
import type { ResourceType } from '../../../xds/resource.ts'
import { DeltaSession } from '../delta-session.ts'
import { TYPE_URL, WILDCARD } from '../session.ts'

interface Ask {
  readonly subscribe?: readonly string[]
  readonly unsubscribe?: readonly string[]
  readonly initial?: Readonly<Record<string, string>>
}

/** What a client of the incremental protocol does, as the specification has it, without a network. */
export class DeltaClient {
  readonly session: DeltaSession
  /** Not answered yet. */
  readonly inbox: DeltaDiscoveryResponse[] = []
  readonly rejections: string[] = []
  /** `type name` -> version of what it holds. */
  readonly held = new Map<string, string>()
  readonly #named = new Set<string>()

  constructor(view: () => MeshView, client: MeshClient) {
    this.session = new DeltaSession(client, {
      view,
      send: (response) => this.inbox.push(response),
      onRejected: (_type, detail) => this.rejections.push(detail),
    })
  }

  ask(type: ResourceType, { subscribe = [], unsubscribe = [], initial = {} }: Ask): this {
    for (const name of unsubscribe) {
      if (name === WILDCARD) this.#forget(type)
      else if (this.#named.delete(`${type} ${name}`)) this.held.delete(`${type} ${name}`)
    }
    for (const name of subscribe) this.#named.add(`${type} ${name}`)
    this.handle({
      typeUrl: TYPE_URL[type],
      resourceNamesSubscribe: subscribe,
      resourceNamesUnsubscribe: unsubscribe,
      initialResourceVersions: initial,
    })
    return this
  }

  handle(request: DeltaDiscoveryRequest): void {
    this.session.handle(request)
  }

  /** Takes in everything that has come, and acknowledges it; answers what it was, e.g. `+cluster a`, `-route b`. */
  take(): string[] {
    const told: string[] = []
    for (const response of this.inbox.splice(0)) {
      told.push(...describe(response))
      this.#apply(response)
      this.answer(response)
    }
    return told
  }

  answer({ typeUrl = '', nonce = '' }: DeltaDiscoveryResponse, problem?: string): void {
    this.handle({
      typeUrl,
      responseNonce: nonce,
      ...(problem === undefined ? {} : { errorDetail: { code: 3, message: problem } }),
    })
  }

  #apply({ typeUrl, resources = [], removedResources = [] }: DeltaDiscoveryResponse): void {
    const type = typeOfUrl(typeUrl)
    for (const { name, version } of resources) this.held.set(`${type} ${name}`, version ?? '')
    for (const name of removedResources) this.held.delete(`${type} ${name}`)
  }

  /** Of a type, what it did not name itself. */
  #forget(type: ResourceType): void {
    this.#named.delete(`${type} ${WILDCARD}`)
    for (const key of this.held.keys())
      if (key.startsWith(`${type} `) && !this.#named.has(key)) this.held.delete(key)
  }
}

export function describe({
  typeUrl,
  resources = [],
  removedResources = [],
}: DeltaDiscoveryResponse): string[] {
  const type = typeOfUrl(typeUrl)
  return [
    ...resources.map(({ name }) => `+${type} ${name}`),
    ...removedResources.map((name) => `-${type} ${name}`),
  ]
}

export function typeOfUrl(url: string | undefined): ResourceType {
  const found = Object.entries(TYPE_URL).find(([, typeUrl]) => typeUrl === url)
  if (!found) throw new Error(`unexpected type ${url}`)
  return found[0] as ResourceType
}
