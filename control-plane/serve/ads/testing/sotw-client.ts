import type { DiscoveryRequest, DiscoveryResponse } from '../../../../core/xds/generated/envoy.js'
import {
  Cluster,
  ClusterLoadAssignment,
  Listener,
  RouteConfiguration,
} from '../../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../../mesh.ts'
import type { MeshClient } from '../../../xds/client.ts'
import type { ResourceType } from '../../../xds/resource.ts'
import { TYPE_URL } from '../session.ts'
import { SotwSession } from '../sotw-session.ts'
import { typeOfUrl } from './delta-client.ts'

/** What a client of the state-of-the-world protocol does, as the specification has it, without a network. */
export class SotwClient {
  readonly session: SotwSession
  /** Not answered yet. */
  readonly inbox: DiscoveryResponse[] = []
  readonly rejections: string[] = []
  /** `type name` -> content of what it holds. */
  readonly held = new Map<string, string>()
  readonly #names = new Map<ResourceType, readonly string[]>()
  readonly #last = new Map<ResourceType, DiscoveryResponse>()

  constructor(view: () => MeshView, client: MeshClient) {
    this.session = new SotwSession(client, {
      view,
      send: (response) => this.inbox.push(response),
      onRejected: (_type, detail) => this.rejections.push(detail),
    })
  }

  /** Wants these names of a type and no others; `nonce` of the last response that it took, unless told otherwise. */
  want(type: ResourceType, names: readonly string[], nonce?: string): this {
    this.#names.set(type, names)
    if (!names.includes('*')) {
      for (const key of this.held.keys())
        if (key.startsWith(`${type} `) && !names.includes(key.slice(type.length + 1))) this.held.delete(key)
    }
    const last = this.#last.get(type)
    this.handle({
      typeUrl: TYPE_URL[type],
      resourceNames: names,
      responseNonce: nonce ?? last?.nonce ?? '',
      versionInfo: last?.versionInfo ?? '',
    })
    return this
  }

  handle(request: DiscoveryRequest): void {
    this.session.handle(request)
  }

  /** Takes in and acknowledges everything that has come; answers it, e.g. `cluster: a b`. */
  take(): string[] {
    const told: string[] = []
    for (const response of this.inbox.splice(0)) {
      const type = typeOfUrl(response.typeUrl)
      const resources = contents(response)
      told.push([`${type}:`, ...resources.keys()].join(' '))
      // Of listeners and clusters a response is all that there are.
      if (type === 'listener' || type === 'cluster') {
        for (const key of this.held.keys()) if (key.startsWith(`${type} `)) this.held.delete(key)
      }
      for (const [name, content] of resources) this.held.set(`${type} ${name}`, content)
      this.#last.set(type, response)
      this.answer(response)
    }
    return told
  }

  answer(response: DiscoveryResponse, problem?: string): void {
    const { typeUrl = '', nonce = '', versionInfo = '' } = response
    this.handle({
      typeUrl,
      resourceNames: this.#names.get(typeOfUrl(typeUrl)) ?? [],
      responseNonce: nonce,
      versionInfo,
      ...(problem === undefined ? {} : { errorDetail: { code: 3, message: problem } }),
    })
  }
}

function contents({ typeUrl, resources = [] }: DiscoveryResponse): Map<string, string> {
  const type = typeOfUrl(typeUrl)
  return new Map(
    resources.map(({ value = new Uint8Array() }) => [
      nameOf(type, value),
      Buffer.from(value).toString('base64'),
    ]),
  )
}

function nameOf(type: ResourceType, value: Uint8Array): string {
  const name = {
    listener: () => Listener.decode(value).name,
    route: () => RouteConfiguration.decode(value).name,
    cluster: () => Cluster.decode(value).name,
    endpoints: () => ClusterLoadAssignment.decode(value).clusterName,
  }[type]()
  return name ?? ''
}
