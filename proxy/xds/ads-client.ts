import type { Client, Metadata, ServiceError } from '@grpc/grpc-js'
import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryResponse,
  type Node,
} from '../../core/xds/generated/envoy.js'
import type { ResourceTable } from './resource-table.ts'
import { Subscription, type DeltaStream } from './subscription.ts'

export interface AdsClientOptions {
  readonly table: ResourceTable
  readonly node: Node
  /** A fresh connection for each try, with the credentials of its moment. */
  readonly open: () => Promise<{ readonly client: Client; readonly metadata: Metadata }>
  readonly log: Logger
  /** Goes on beside it on each connection that the server has answered on; the returned function ends it. */
  readonly beside?: (client: Client, metadata: Metadata) => () => void
  /** The table has changed by what the server sent. */
  readonly changed?: () => void
  readonly clock?: Clock
  readonly random?: () => number
}

export interface AdsClient {
  /** Whether the server has answered on the stream that is open now. */
  readonly connected: Watchable<boolean>
  /** Why the last try failed, in one line; '' once the server answers. */
  readonly problem: string
  /** Responses that were refused as a whole or in part: NACKs. */
  readonly refused: number
  start(): void
  close(): void
}

/** Channel arguments for `open`: a server that is gone without a word is noticed. */
export const ADS_CHANNEL = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
}

/**
 * Keep-alive watches a connection once it is there; until then nobody but this does. Long, for grpc-js leaves the
 * socket of a handshake that nobody answers to the kernel.
 */
const CONNECT_MS = 60_000
/** grpc.connectivityState.READY; the package itself is loaded by `open` alone. */
const READY = 2

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
  let leave = () => {}
  let cancelRetry = () => {}
  let closed = false
  let problem = ''
  let refused = 0

  const connect = async (): Promise<void> => {
    try {
      const { client, metadata } = await options.open()
      if (closed) client.close()
      else follow(client, metadata)
    } catch (error) {
      retry(describeError(error))
    }
  }

  const follow = (client: Client, metadata: Metadata): void => {
    const { path, requestSerialize, responseDeserialize } =
      AggregatedDiscoveryService.deltaAggregatedResources
    const stream: DeltaStream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
    )
    const own = new Subscription(stream, table, options.node)
    let over = false
    let endBeside = (): void => {}
    const end = (): void => {
      over = true
      current = undefined
      cancelDeadline()
      endBeside()
      own.end()
      client.close()
      connected.set(false)
    }
    const lost = (reason: string): void => {
      if (over) return
      const answered = connected.value
      end()
      retry(reason, answered)
    }
    const cancelDeadline = clock.after(CONNECT_MS, () => {
      const state: number = client.getChannel().getConnectivityState(false)
      if (state !== READY) lost(`no connection within ${CONNECT_MS / 1000} s`)
    })
    stream.on('data', (response: DeltaDiscoveryResponse) => {
      if (over) return
      const first = !connected.value
      received(own, response)
      if (first && options.beside) endBeside = options.beside(client, metadata)
    })
    stream.on('error', (error: ServiceError) => lost(describeError(error)))
    stream.on('end', () => lost('the server ended the stream'))
    current = own
    leave = end
    own.begin()
  }

  const received = (own: Subscription, response: DeltaDiscoveryResponse): void => {
    if (!connected.value) {
      log.info('connected to the control plane', { version: response.systemVersionInfo })
      backoff.reset()
      problem = ''
      connected.set(true)
    }
    const detail = own.take(response)
    if (detail !== '') {
      refused++
      log.error('configuration refused; what was before goes on', { type: response.typeUrl, detail })
    }
    options.changed?.()
  }

  const retry = (failure: string, answered = false): void => {
    if (closed) return
    const waitMs = backoff.next()
    // grpc-js writes the moment into its reasons.
    const reason = failure.replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g, '')
    // Once for each reason, not for each of the tries of an outage.
    const fields = { reason, retryInMs: Math.round(waitMs) }
    // A server asks its clients to come back now and then; only one that does not take them is away.
    if (answered) log.info('the control plane ended the stream', fields)
    else if (reason !== problem) log.warn('no control plane; the configuration in force goes on', fields)
    problem = answered ? '' : reason
    cancelRetry = clock.after(waitMs, () => void connect())
  }

  return {
    connected,
    get problem() {
      return problem
    },
    get refused() {
      return refused
    },
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
      leave()
    },
  }
}
