import { METADATA, METADATA_ACCESS_LOG, METADATA_TELEMETRY } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import {
  readRouteLog,
  readTelemetrySettings,
  type RouteLogSettings,
  type TelemetrySettings,
} from '../../core/telemetry-settings.ts'
import type { Metadata } from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import { decodeStruct, valueOf } from './decode-metadata.ts'
import type { Scope } from './scope.ts'

/** What a listener says of the telemetry of its sidecar. */
export function decodeTelemetry(metadata: Metadata | undefined, scope: Scope): TelemetrySettings | undefined {
  const said = decodeStruct(metadata, METADATA, METADATA_TELEMETRY, scope)
  return said && read(readTelemetrySettings, said, placeOf(scope, METADATA_TELEMETRY))
}

/** Which requests of a route stand in the access log; undefined: it says nothing. */
export function decodeAccessLog(metadata: Metadata | undefined, scope: Scope): RouteLogSettings | undefined {
  const said = valueOf(metadata, METADATA, METADATA_ACCESS_LOG)
  if (said === undefined) return undefined
  const texts =
    typeof said === 'string'
      ? { 'access-log': said }
      : decodeStruct(metadata, METADATA, METADATA_ACCESS_LOG, scope)
  return texts && read(readRouteLog, texts, placeOf(scope, METADATA_ACCESS_LOG))
}

function read<T>(parse: (texts: JsonObject) => T, texts: JsonObject, at: Scope): T | undefined {
  try {
    return parse(texts)
  } catch (error) {
    if (error instanceof WeftError && error.field !== undefined) at.at(error.field).fail(error.message)
    else at.fail(describeError(error))
    return undefined
  }
}

function placeOf(scope: Scope, key: string): Scope {
  return scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(key)
}
