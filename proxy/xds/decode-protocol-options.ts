import type {
  Http2ProtocolOptions,
  TcpKeepalive,
  UpstreamConnectionOptions,
} from '../../core/xds/generated/envoy.js'
import { HEAD_LIMITS, type HeadLimits } from '../http/head-limits.ts'
import { TCP_KEEP_ALIVE, type Http2KeepAlive, type TcpKeepAlive } from '../model/keep-alive.ts'
import type { Scope } from './scope.ts'

// As Envoy validates max_request_headers_kb; for max_headers_count it has no bound.
const MOST_HEAD_KIB = 8192
const MOST_HEADERS = 10_000
// What Linux takes (include/net/tcp.h: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT).
const MOST_KEEP_ALIVE_SECONDS = 32_767
const MOST_KEEP_ALIVE_PROBES = 127
/** Shorter ones would take a peer that is busy for one that is gone. */
const LEAST_PING_MS = 100

/** One number of the configuration, and where it stands. */
interface Said {
  readonly value: number | undefined
  readonly at: Scope
}

/** `kib` and `count` are what was said of the bytes and of the fields of a head; what is left out is `HEAD_LIMITS`. */
export function decodeHeadLimits(kib: Said, count: Said): HeadLimits {
  return {
    maxBytes: within(kib, 1, MOST_HEAD_KIB, HEAD_LIMITS.maxBytes / 1024) * 1024,
    maxFields: within(count, 1, MOST_HEADERS, HEAD_LIMITS.maxFields),
  }
}

/** envoy.config.core.v3.Http2ProtocolOptions.connection_keepalive. `at`: of the options. */
export function decodeHttp2KeepAlive(
  options: Http2ProtocolOptions | undefined,
  at: Scope,
): Http2KeepAlive | undefined {
  const said = options?.connectionKeepalive
  if (!said) return undefined
  const { interval = 0, timeout = 0 } = said
  const where = at.at('connection_keepalive')
  if (interval < LEAST_PING_MS) where.at('interval').fail('must be at least 0.1s')
  if (timeout < LEAST_PING_MS) where.at('timeout').fail('must be at least 0.1s')
  return { intervalMs: interval, timeoutMs: timeout }
}

/** envoy.config.cluster.v3.UpstreamConnectionOptions.tcp_keepalive; what is left out is `TCP_KEEP_ALIVE`. */
export function decodeTcpKeepAlive(options: UpstreamConnectionOptions | undefined, at: Scope): TcpKeepAlive {
  const said: TcpKeepalive | undefined = options?.tcpKeepalive
  if (!said) return TCP_KEEP_ALIVE
  const where = at.at('tcp_keepalive')
  const seconds = (value: number | undefined, field: string, presetMs: number): number =>
    within({ value, at: where.at(field) }, 1, MOST_KEEP_ALIVE_SECONDS, presetMs / 1000) * 1000
  return {
    idleMs: seconds(said.keepaliveTime, 'keepalive_time', TCP_KEEP_ALIVE.idleMs),
    intervalMs: seconds(said.keepaliveInterval, 'keepalive_interval', TCP_KEEP_ALIVE.intervalMs),
    probes: within(
      { value: said.keepaliveProbes, at: where.at('keepalive_probes') },
      1,
      MOST_KEEP_ALIVE_PROBES,
      TCP_KEEP_ALIVE.probes,
    ),
  }
}

function within({ value, at }: Said, least: number, most: number, preset: number): number {
  if (value === undefined) return preset
  if (value < least || value > most) at.fail(`must be from ${least} to ${most}`)
  return value
}
