/**
 * Why a request or connection failed: Envoy's response flags, same letters
 * (envoy access log `%RESPONSE_FLAGS%`), as a bit set.
 */
export const ResponseFlag = {
  /** No healthy upstream. */
  UH: 1 << 0,
  /** Upstream connection failure. */
  UF: 1 << 1,
  /** Upstream overflow: a limit of the cluster. */
  UO: 1 << 2,
  /** No route configured, or no filter chain. */
  NR: 1 << 3,
  /** Upstream retry limit (tries or budget) exceeded. */
  URX: 1 << 4,
  /** No cluster found. */
  NC: 1 << 5,
  /** Downstream connection termination. */
  DC: 1 << 6,
  /** Upstream remote reset. */
  UR: 1 << 7,
  /** Upstream connection termination. */
  UC: 1 << 8,
  /** Upstream request timeout. */
  UT: 1 << 9,
  /** Downstream protocol error. */
  DPE: 1 << 10,
  /** Upstream protocol error. */
  UPE: 1 << 11,
  /** Stream idle timeout. */
  SI: 1 << 12,
  /** Overload manager ended it. */
  OM: 1 << 13,
  /** Local reset. */
  LR: 1 << 14,
  /** Refused: by authorization, by mutual TLS (identity mismatch, plaintext to STRICT), or for a token that does not verify. */
  UAEX: 1 << 15,
  /** Backend reference of the route is invalid. */
  NB: 1 << 16,
  /** A fault was injected: delayed, or answered instead of the upstream. */
  DI: 1 << 17,
  FI: 1 << 18,
  /** Rate limited. */
  RL: 1 << 19,
} as const

const { UF, UO, UR, UC, UT, UPE, OM, LR, RL } = ResponseFlag
/** An answer of the proxy's own that keeps a server, or itself, from too much. */
export const SHED = UO | OM | RL
/** Why an answer that had begun was broken off, other than by its caller. */
export const BROKEN_OFF = UF | UO | UR | UC | UT | UPE | OM | LR

const NAMES = Object.entries(ResponseFlag)

/** `URX,UF`, or `-` for none. */
export function formatFlags(flags: number): string {
  if (flags === 0) return '-'
  return NAMES.filter(([, bit]) => flags & bit)
    .map(([name]) => name)
    .join(',')
}
