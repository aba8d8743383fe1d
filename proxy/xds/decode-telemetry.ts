import { METADATA, METADATA_ACCESS_LOG, METADATA_TELEMETRY } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import {
  LOG_MODES,
  readTelemetrySettings,
  type LogMode,
  type TelemetrySettings,
} from '../../core/telemetry-settings.ts'
import type { Metadata } from '../../core/xds/generated/envoy.js'
import { decodeStruct, decodeText } from './decode-metadata.ts'
import type { Scope } from './scope.ts'

/** What a listener says of the telemetry of its sidecar. */
export function decodeTelemetry(metadata: Metadata | undefined, scope: Scope): TelemetrySettings | undefined {
  const said = decodeStruct(metadata, METADATA, METADATA_TELEMETRY, scope)
  if (!said) return undefined
  try {
    return readTelemetrySettings(said)
  } catch (error) {
    const at = placeOf(scope, METADATA_TELEMETRY)
    if (error instanceof WeftError && error.field !== undefined) at.at(error.field).fail(error.message)
    else at.fail(describeError(error))
    return undefined
  }
}

/** Which requests of a route stand in the access log; undefined: it says nothing. */
export function decodeAccessLog(metadata: Metadata | undefined, scope: Scope): LogMode | undefined {
  const text = decodeText(metadata, METADATA, METADATA_ACCESS_LOG, scope)
  if (text === '') return undefined
  const mode = LOG_MODES.find((known) => known === text)
  if (mode === undefined) placeOf(scope, METADATA_ACCESS_LOG).fail(`must be one of ${LOG_MODES.join(', ')}`)
  return mode
}

function placeOf(scope: Scope, key: string): Scope {
  return scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(key)
}
