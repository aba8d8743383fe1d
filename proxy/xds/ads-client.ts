import type { Client, ClientDuplexStream, Metadata, ServiceError } from '@grpc/grpc-js'
import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type Node,
} from '../../core/xds/generated/envoy.js'
import { CLUSTER, ENDPOINT, LISTENER, ROUTE } from '../../core/xds/type-urls.ts'
import type { ResourceKind } from './decode.ts'
import { KINDS, type ResourceTable } from './resource-table.ts'

export interface AdsClientOptions {
  readonly table: ResourceTable
  readonly node: Node
  /** A fresh connection for each try, with the credentials of its moment. */
  readonly open: () => Promise<{ readonly client: Client; readonly metadata: Metadata }>
  readonly log: Logger
  /** The table has changed by what the server sent. */
  readonly changed?: () => void
  readonly clock?: Clock
  readonly random?: () => number
}

export interface AdsClient {
  /** Whether the server has answered on the stream that is open now. */
  readonly connected: Watchable<boolean>
  start(): void
  close(): void
}

/** Channel arguments for `open`: a server that is gone without a word is noticed. */
export const ADS_CHANNEL = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
}

const TYPE_URLS: Readonly<Record<ResourceKind, string>> = {
  listener: LISTENER,
  route: ROUTE,
  cluster: CLUSTER,
  endpoints: ENDPOINT,
}
const KIND_OF: ReadonlyMap<string, ResourceKind> = new Map(KINDS.map((kind) => [TYPE_URLS[kind], kind]))

const LONGEST_DETAIL = 2048
const INVALID_ARGUMENT = 3

type Stream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>

/**
 * Follows the control plane over delta ADS
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds): asks for the names in the
 * table as they appear, takes answers into it, refuses what can't be read (by field; the rest is taken), comes back
 * after a failure saying what it holds.
 */
export function createAdsClient(options: AdsClientOptions): AdsClient {
  const { table, log, clock = systemClock } = options
  const connected = new Watched(false)
  const backoff = new Backoff({ baseMs: 100, maxMs: 5000, ...(options.random && { random: options.random }) })
  let current: Subscription | undefined
  let cancelRetry = () => {}
  let closed = false
  let complained = ''

  const connect = async (): Promise<void> => {
    try {
      const { client, metadata } = await options.open()
      if (closed) return client.close()
      const { path, requestSerialize, responseDeserialize } =
        AggregatedDiscoveryService.deltaAggregatedResources
      const stream: Stream = client.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
      )
      const own = new Subscription(stream, table, options.node)
      current = own
      const lost = (error: ServiceError | undefined): void => {
        if (current !== own) return
        current = undefined
        client.close()
        if (closed) return
        connected.set(false)
        retry(error ? describeError(error) : 'the server ended the stream')
      }
      stream.on('data', (response: DeltaDiscoveryResponse) => {
        if (current !== own) return
        backoff.reset()
        if (!connected.value)
          log.info('connected to the control plane', { version: response.systemVersionInfo })
        complained = ''
        connected.set(true)
        const problems = own.take(response)
        if (problems.length > 0)
          log.error('configuration refused; what was before goes on', { type: response.typeUrl, problems })
        options.changed?.()
      })
      stream.on('error', (error: ServiceError) => lost(error))
      stream.on('end', () => lost(undefined))
      own.begin()
    } catch (error) {
      retry(describeError(error))
    }
  }

  const retry = (reason: string): void => {
    if (closed) return
    const waitMs = backoff.next()
    // Once for each reason, not for each of the tries of an outage.
    if (reason !== complained) {
      complained = reason
      log.warn('no control plane; the configuration in force goes on', {
        reason,
        retryInMs: Math.round(waitMs),
      })
    }
    cancelRetry = clock.after(waitMs, () => void connect())
  }

  return {
    connected,
    start() {
      table.subscribe({
        wanted: (kind, name) => current?.subscribe(kind, name),
        unwanted: (kind, name) => current?.unsubscribe(kind, name),
      })
      void connect()
    },
    close() {
      closed = true
      cancelRetry()
      current?.end()
      current = undefined
    },
  }
}

/** One stream: what was asked on it. Names that appear in one turn go in one request a kind. */
class Subscription {
  readonly #stream: Stream
  readonly #table: ResourceTable
  readonly #node: Node
  readonly #asked = new Set<ResourceKind>()
  readonly #subscribe = new Map<ResourceKind, Set<string>>()
  readonly #unsubscribe = new Map<ResourceKind, Set<string>>()
  #nodeSent = false
  #flushing = false

  constructor(stream: Stream, table: ResourceTable, node: Node) {
    this.#stream = stream
    this.#table = table
    this.#node = node
  }

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

  /** Puts a response into force and answers it. Gives what was wrong with it. */
  take(response: DeltaDiscoveryResponse): readonly string[] {
    const { typeUrl = '', nonce = '', systemVersionInfo = '' } = response
    const kind = KIND_OF.get(typeUrl)
    if (!kind) {
      const problem = `type_url: ${typeUrl} was not asked for`
      this.#send({ typeUrl, responseNonce: nonce, errorDetail: refusal([problem]) })
      return [problem]
    }
    const resources = (response.resources ?? []).map(({ name = '', version = '', resource = {} }) => ({
      name,
      version,
      resource,
    }))
    const problems = this.#table.apply(kind, resources, response.removedResources ?? [])
    if (problems.length === 0) this.#table.version = systemVersionInfo
    this.#send({
      typeUrl,
      responseNonce: nonce,
      ...(problems.length > 0 ? { errorDetail: refusal(problems) } : {}),
    })
    return problems
  }

  end(): void {
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
    this.#stream.write(this.#nodeSent ? request : { node: this.#node, ...request })
    this.#nodeSent = true
  }
}

function refusal(problems: readonly string[]): { code: number; message: string } {
  const message = problems.join('; ')
  return {
    code: INVALID_ARGUMENT,
    message: message.length > LONGEST_DETAIL ? `${message.slice(0, LONGEST_DETAIL)}...` : message,
  }
}
