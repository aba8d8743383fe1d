import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../model/cluster.ts'

const REFRESH_MS = 30_000

/** Every address of a host name, or undefined where it has none or nobody could say. */
export type Lookup = (name: string, done: (addresses: readonly string[] | undefined) => void) => void

/** As the system resolves names (getaddrinfo). */
export const systemLookup: Lookup = (name, done) =>
  lookup(name, { all: true }, (error, found) => done(error ? undefined : found.map(({ address }) => address)))

/**
 * The endpoints behind host names, now and again every 30 s (Envoy's STRICT_DNS): one for each address. `found` is
 * called first when every name has been asked for, at once if none is left to ask for, then whenever an answer differs.
 * A name that stops resolving keeps its last addresses. The returned function stops it.
 */
export function resolveEndpoints(
  endpoints: readonly Endpoint[],
  clock: Clock,
  lookup: Lookup,
  found: (endpoints: readonly Endpoint[]) => void,
): () => void {
  const answers = new Map<Endpoint, readonly string[]>()
  let stopped = false
  let cancel = (): void => {}

  const tell = (): void => {
    if (answers.size < endpoints.length) return
    found(
      endpoints.flatMap((endpoint) =>
        (answers.get(endpoint) ?? []).map((address) => ({ ...endpoint, address })),
      ),
    )
  }
  const answered = (endpoint: Endpoint, addresses: readonly string[] | undefined): void => {
    const before = answers.get(endpoint)
    if (stopped || (before && !addresses)) return
    // Resolvers give the same addresses in another order each time.
    const sorted = [...(addresses ?? [])].sort()
    if (before?.join() === sorted.join()) return
    answers.set(endpoint, sorted)
    tell()
  }
  const refresh = (): void => {
    cancel = clock.after(REFRESH_MS, refresh)
    for (const endpoint of endpoints)
      if (!isIP(endpoint.address)) lookup(endpoint.address, (addresses) => answered(endpoint, addresses))
  }

  for (const endpoint of endpoints) if (isIP(endpoint.address)) answers.set(endpoint, [endpoint.address])
  if (answers.size === endpoints.length) found(endpoints)
  else refresh()
  return () => {
    stopped = true
    cancel()
  }
}
