import { monotonicClock, type Clock } from '../../core/clock.ts'
import type { Http2KeepAlive } from '../model/keep-alive.ts'
import { HEAD_LIMITS, type HeadLimits } from '../http/head-limits.ts'
import { MAX_SPELLING_BYTES } from '../http/spelling.ts'
import type { KeepAliveOptions } from './keep-alive.ts'

/** Limits and sizes of one HTTP/2 connection; every one has a default. */
export interface Http2Options {
  /** Streams that may be open at once: server: what the peer may open, client: what we open at most. Default 1,000. */
  maxConcurrentStreams?: number
  /** Client: streams that the server is taken to allow until it says so. Default 100 (RFC 9113 section 6.5.2). */
  assumedStreams?: number | undefined
  /**
   * Receive window of a stream once it has shown that it is read, in bytes (default 1 MiB). It starts at a
   * quarter, so that streams nobody reads hold less of the connection's window.
   */
  streamWindowBytes?: number
  /** Receive window of the connection, in bytes. Default 16 MiB. */
  connectionWindowBytes?: number
  /** Bytes of paused streams that do not hold the connection's window back. Default 4 MiB. */
  heldBytes?: number
  /**
   * Of heads and trailers, decoded: bytes are counted as name + value + 32 a field (RFC 9113 section 10.5.1), and the
   * crumbs of a cookie as one field. Default `HEAD_LIMITS`.
   */
  headLimits?: HeadLimits
  /** Dynamic tables of HPACK, both directions, at least 4,096 for decoding. Default 4,096. */
  headerTableBytes?: number
  /** For SETTINGS to be acknowledged. Default 10,000 ms. */
  settingsTimeoutMs?: number
  /** Asks a silent peer by PING whether it is there. Default: never. */
  keepAlive?: KeepAliveOptions | undefined
  /** Client, of a link: what its workload is called, told once (core/peer-workload.ts); '': nothing is. Default ''. */
  peer?: string
  /** Server, of a link: told what its client's is called. Default: it is not listened to. */
  onPeer?: ((workload: string) => void) | undefined
  /** A link: HTTP/1.1 that crosses it keeps how its names are written. Default: false. */
  spelling?: boolean
  /** Without a stream for so long, the connection is drained. Default: 0, never. */
  idleTimeoutMs?: number
  /** See `FloodGuard`. Default 10,000 abandoned requests at once, 2,000 a second after that. */
  abandonedBurst?: number
  abandonedPerSecond?: number
  clock?: Clock
}

/**
 * Of links: a request whose endpoint is gone goes elsewhere within 3 s, where it may, and streams end within 15 s. A
 * sidecar answers within a turn of its event loop; what application answers is nothing to it.
 */
export const LINK_KEEP_ALIVE = {
  intervalMs: 10_000,
  timeoutMs: 5000,
  waitingMs: 1000,
  suspectMs: 1250,
} as const satisfies KeepAliveOptions

/** The same where `said` are the settings of a link: what waits for an answer does not wait longer for that. */
export function linkKeepAlive(said: Http2KeepAlive | undefined): KeepAliveOptions {
  if (!said) return LINK_KEEP_ALIVE
  const { waitingMs, suspectMs } = LINK_KEEP_ALIVE
  return {
    ...said,
    waitingMs: Math.min(waitingMs, said.intervalMs),
    suspectMs: Math.min(suspectMs, said.timeoutMs),
  }
}

const LINK_SLACK_BYTES = 4 * 1024
const LINK_SLACK_FIELDS = 20
const FIELD_OVERHEAD = 32

/**
/**
 * What a link takes where `limits` hold for what comes by itself: the sidecar before it took the head by its own limits,
 * adds fields of its own and how names are written, and RFC 9113 section 10.5.1 counts 32 bytes more a field. So what one
 * sidecar took, the other takes.
 */
export function linkLimits({ maxBytes, maxFields }: HeadLimits): HeadLimits {
  const fields = maxFields + LINK_SLACK_FIELDS
  return {
    maxBytes: maxBytes + LINK_SLACK_BYTES + MAX_SPELLING_BYTES + fields * FIELD_OVERHEAD,
    maxFields: fields,
  }
}

export type ResolvedOptions = Required<Omit<Http2Options, 'keepAlive' | 'assumedStreams' | 'onPeer'>> & {
  onPeer: Http2Options['onPeer']
  assumedStreams: number
  keepAlive: KeepAliveOptions | undefined
}

export function resolveOptions(options: Http2Options): ResolvedOptions {
  return {
    maxConcurrentStreams: options.maxConcurrentStreams ?? 1000,
    // Servers are asked to allow at least 100 (section 6.5.2).
    assumedStreams: options.assumedStreams ?? 100,
    streamWindowBytes: options.streamWindowBytes ?? 1024 * 1024,
    connectionWindowBytes: options.connectionWindowBytes ?? 16 * 1024 * 1024,
    heldBytes: options.heldBytes ?? 4 * 1024 * 1024,
    headLimits: options.headLimits ?? HEAD_LIMITS,
    headerTableBytes: options.headerTableBytes ?? 4096,
    settingsTimeoutMs: options.settingsTimeoutMs ?? 10_000,
    keepAlive: options.keepAlive,
    peer: options.peer ?? '',
    onPeer: options.onPeer,
    spelling: options.spelling ?? false,
    idleTimeoutMs: options.idleTimeoutMs ?? 0,
    abandonedBurst: options.abandonedBurst ?? 10_000,
    abandonedPerSecond: options.abandonedPerSecond ?? 2000,
    clock: options.clock ?? monotonicClock,
  }
}
