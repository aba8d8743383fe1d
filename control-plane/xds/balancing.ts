import { METADATA_PEAK_EWMA } from '../../core/contract.ts'
import type { Cluster } from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import type { Nearness } from '../model/mesh.ts'
import type { ClientTakes } from './client-takes.ts'

/** Where nobody says otherwise, as Linkerd has it: a latency counts for 10 s, a failed answer as one of 5 s. */
const PEAK_EWMA: JsonObject = { decayMs: 10_000, penaltyMs: 5000 }

/** How a client that knows it balances where nobody says otherwise: metadata, for xDS has no word. */
export function peakEwma({ peakEwma: knows }: ClientTakes): JsonObject {
  return knows ? { [METADATA_PEAK_EWMA]: PEAK_EWMA } : {}
}

/** Endpoints of the client's own zone or node first, however few they are. */
export function nearestFirst(
  nearness: Nearness | undefined,
  { nearestFirst: knows }: ClientTakes,
): Pick<Cluster, 'commonLbConfig'> {
  if (!nearness || !knows) return {}
  return { commonLbConfig: { zoneAwareLbConfig: { minClusterSize: 1n } } }
}
