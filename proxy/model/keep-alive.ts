/** envoy.config.core.v3.KeepaliveSettings: when a silent HTTP/2 peer is asked by PING. Milliseconds. */
export interface Http2KeepAlive {
  /** Silence before a PING. */
  readonly intervalMs: number
  /** For any byte after it; then the connection ends. */
  readonly timeoutMs: number
}

/** envoy.config.core.v3.TcpKeepalive: when the kernel asks a peer that says and owes nothing. */
export interface TcpKeepAlive {
  /** Silence before the first probe, and between two. Milliseconds, whole seconds. */
  readonly idleMs: number
  readonly intervalMs: number
  /** Unanswered ones, after which the connection ends. */
  readonly probes: number
}

/** Where nobody sets them: a peer that is gone is noticed within 15 s. */
export const TCP_KEEP_ALIVE: TcpKeepAlive = { idleMs: 3000, intervalMs: 1000, probes: 10 }
