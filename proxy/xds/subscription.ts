import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse, Node } from '../../core/xds/generated/envoy.js'
import { CLUSTER, ENDPOINT, LISTENER, ROUTE } from '../../core/xds/type-urls.ts'
import type { ResourceKind } from './decode.ts'
import { KINDS, type ResourceTable } from './resource-table.ts'

export type DeltaStream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>

const TYPE_URLS: Readonly<Record<ResourceKind, string>> = {
  listener: LISTENER,
  route: ROUTE,
  cluster: CLUSTER,
  endpoints: ENDPOINT,
}
const KIND_OF: ReadonlyMap<string, ResourceKind> = new Map(KINDS.map((kind) => [TYPE_URLS[kind], kind]))

const LONGEST_DETAIL = 2048
const INVALID_ARGUMENT = 3

/** One stream: what was asked on it. Names that appear in one turn go in one request a kind. */
export class Subscription {
  readonly #stream: DeltaStream
  readonly #table: ResourceTable
  readonly #node: Node
  readonly #asked = new Set<ResourceKind>()
  readonly #subscribe = new Map<ResourceKind, Set<string>>()
  readonly #unsubscribe = new Map<ResourceKind, Set<string>>()
  #nodeSent = false
  #flushing = false
  #ended = false

  constructor(stream: DeltaStream, table: ResourceTable, node: Node) {
    this.#stream = stream
    this.#table = table
    this.#node = node
  }

  /** Asks for every name of the table, and says what is held. */
  begin(): void {
    for (const kind of KINDS) for (const name of this.#table.names(kind)) this.subscribe(kind, name)
    this.#flush()
  }

  subscribe(kind: ResourceKind, name: string): void {
    this.#unsubscribe.get(kind)?.delete(name)
    this.#add(this.#subscribe, kind, name)
  }

  unsubscribe(kind: ResourceKind, name: string): void {
    this.#subscribe.get(kind)?.delete(name)
    this.#add(this.#unsubscribe, kind, name)
  }

  /**
   * Puts a response into force and answers it: ACK, or NACK (`error_detail`) with what could not be read. Gives what
   * was wrong with it, '' for nothing; at most some 2 KB.
   */
  take(response: DeltaDiscoveryResponse): string {
    const { typeUrl = '', nonce = '', systemVersionInfo = '' } = response
    const kind = KIND_OF.get(typeUrl)
    // Not answered: the answer would be the first request of its type, without names, which asks for everything.
    if (!kind || !this.#asked.has(kind)) return bounded(`type_url: "${typeUrl}" was not asked for`)
    const resources = (response.resources ?? []).map(({ name = '', version = '', resource = {} }) => ({
      name,
      version,
      resource,
    }))
    const problems = this.#table.apply(kind, resources, response.removedResources ?? [])
    const message = bounded(problems.join('; '))
    if (message === '') this.#table.version = systemVersionInfo
    this.#send({
      typeUrl,
      responseNonce: nonce,
      ...(message === '' ? {} : { errorDetail: { code: INVALID_ARGUMENT, message } }),
    })
    return message
  }

  end(): void {
    this.#ended = true
    this.#stream.cancel()
  }

  #add(to: Map<ResourceKind, Set<string>>, kind: ResourceKind, name: string): void {
    const names = to.get(kind)
    if (names) names.add(name)
    else to.set(kind, new Set([name]))
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    for (const kind of KINDS) {
      const subscribe = [...(this.#subscribe.get(kind) ?? [])]
      const unsubscribe = [...(this.#unsubscribe.get(kind) ?? [])]
      this.#subscribe.delete(kind)
      this.#unsubscribe.delete(kind)
      const first = !this.#asked.has(kind)
      // A first request without names would ask for everything (the legacy wildcard).
      if (subscribe.length === 0 && (first || unsubscribe.length === 0)) continue
      this.#asked.add(kind)
      this.#send({
        typeUrl: TYPE_URLS[kind],
        resourceNamesSubscribe: subscribe,
        ...(first
          ? { initialResourceVersions: this.#versions(kind) }
          : { resourceNamesUnsubscribe: unsubscribe }),
      })
    }
  }

  #versions(kind: ResourceKind): Record<string, string> {
    return Object.fromEntries(this.#table.held(kind).map(({ name, version }) => [name, version]))
  }

  #send(request: DeltaDiscoveryRequest): void {
    if (this.#ended) return
    this.#stream.write(this.#nodeSent ? request : { node: this.#node, ...request })
    this.#nodeSent = true
  }
}

function bounded(message: string): string {
  return message.length > LONGEST_DETAIL ? `${message.slice(0, LONGEST_DETAIL)}...` : message
}
