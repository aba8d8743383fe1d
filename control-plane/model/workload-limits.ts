/** What the sidecar of a pod takes; what is left out has the default of docs/limits.md. */
export interface WorkloadLimits {
  /** Of a head, or of trailers. */
  readonly headerFields?: number | undefined
  readonly headerKib?: number | undefined
  /** Of a request to the pod. */
  readonly requestBytes?: number | undefined
  /** Milliseconds, all of them; 0: never. */
  readonly idleMs?: number | undefined
  readonly applicationIdleMs?: number | undefined
  readonly requestHeadersMs?: number | undefined
  readonly requestMs?: number | undefined
  /** When its sidecar asks a silent peer whether it is there: other sidecars by PING, all whom it connects to by TCP. */
  readonly pingIntervalMs?: number | undefined
  readonly pingTimeoutMs?: number | undefined
  /** Whole seconds. */
  readonly tcpKeepAliveMs?: number | undefined
  readonly tcpKeepAliveIntervalMs?: number | undefined
  readonly tcpKeepAliveProbes?: number | undefined
}

/** Where a pod says nothing. */
export const NO_LIMITS: WorkloadLimits = {}

/** The defaults of those limits that two ends of a connection share. */
export const SHARED_DEFAULTS = {
  headerFields: 100,
  headerKib: 60,
  idleMs: 3_600_000,
  /** Slow senders of heads are cut off. */
  requestHeadersMs: 10_000,
} as const

/** The defaults of PINGs, of which xDS has both or none. */
export const PING_DEFAULTS = { pingIntervalMs: 10_000, pingTimeoutMs: 5000 } as const

/** Of the end that says them alone, on connections that it makes, too. */
const OWN = [
  'pingIntervalMs',
  'pingTimeoutMs',
  'tcpKeepAliveMs',
  'tcpKeepAliveIntervalMs',
  'tcpKeepAliveProbes',
] as const satisfies readonly (keyof WorkloadLimits)[]

type Shared = keyof typeof SHARED_DEFAULTS

const SHARED = Object.keys(SHARED_DEFAULTS) as readonly Shared[]

/** The largest that any of a Service's pods says of what their callers share: none of them is to be cut short. */
export function largestLimits(all: Iterable<WorkloadLimits>): WorkloadLimits {
  let largest: WorkloadLimits = NO_LIMITS
  for (const limits of all) {
    if (limits === NO_LIMITS || limits === largest) continue
    const next: { -readonly [name in Shared]?: number } = {}
    for (const name of SHARED) {
      const value = larger(name, limits[name], largest[name])
      if (value !== undefined) next[name] = value
    }
    largest = Object.keys(next).length > 0 ? next : largest
  }
  return largest
}

/**
 * What the sidecar of a caller takes to a destination: what its own pod says, or the default, and where the destination
 * takes more, as much as that. When it asks whether its peer is there is its own to say. What only restricts the pod that
 * says it is left out.
 */
export function callerLimits(own: WorkloadLimits, destination: WorkloadLimits): WorkloadLimits {
  const result: { -readonly [name in Shared | (typeof OWN)[number]]?: number } = {}
  for (const name of OWN) if (own[name] !== undefined) result[name] = own[name]
  for (const name of SHARED) {
    if (own[name] === undefined && destination[name] === undefined) continue
    result[name] = larger(name, own[name] ?? SHARED_DEFAULTS[name], destination[name])
  }
  return Object.keys(result).length > 0 ? result : NO_LIMITS
}

function larger(name: Shared, a: number | undefined, b: number | undefined): number
function larger(name: Shared, a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return name === 'idleMs' && (a === 0 || b === 0) ? 0 : Math.max(a, b)
}
