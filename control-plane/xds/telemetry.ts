import { METADATA_TELEMETRY } from '../../core/contract.ts'
import type { TelemetryTexts } from '../../core/telemetry-settings.ts'
import type { JsonObject } from '../../core/xds/well-known.ts'
import type { Mesh, Workload } from '../model/mesh.ts'
import type { ClientTakes } from './client-takes.ts'

/** Of the listener `inbound`: what is said of the telemetry of its sidecar, by its pod or else by its namespace. */
export function telemetryMetadata(
  mesh: Mesh,
  { namespace, telemetry }: Workload,
  takes: ClientTakes,
): JsonObject {
  if (!takes.telemetry) return {}
  const { tap, ...others }: TelemetryTexts = { ...mesh.namespaceTelemetry.get(namespace), ...telemetry }
  const said: TelemetryTexts = { ...others, ...(tap !== undefined && takes.tap && { tap }) }
  return Object.keys(said).length === 0 ? {} : { [METADATA_TELEMETRY]: { ...said } }
}
