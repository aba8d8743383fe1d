import type { Fields } from '../../../control-plane/registry/fields.ts'
import { durationMs } from '../../../core/duration.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { readGoDuration } from '../durations.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'

const MOST_ERRORS = 1000

export interface OutlierDetection {
  readonly settings: JsonObject
  readonly panicThresholdPercent: number | undefined
}

/** `outlierDetection` as the section of a TrafficPolicy, and its panic threshold. */
export function readOutlierDetection(outlier: Fields, notes: Notes): OutlierDetection {
  const all = errors(outlier, 'consecutive5xxErrors') ?? errors(outlier, 'consecutiveErrors')
  const gateway = errors(outlier, 'consecutiveGatewayErrors')
  const local = errors(outlier, 'consecutiveLocalOriginFailures')
  const split = outlier.boolean('splitExternalLocalOriginErrors') ?? false
  const interval = readGoDuration(outlier, 'interval')
  const baseEjection = readGoDuration(outlier, 'baseEjectionTime')
  const percent = outlier.integer('maxEjectionPercent', 0, 100)
  const health = outlier.integer('minHealthPercent', 0, 100)
  outlier.refuseUnknown()
  if (gateway !== undefined && gateway > 0)
    notes.changed(
      [...outlier.path, 'consecutiveGatewayErrors'],
      'counts 502, 503 and 504, and consecutiveErrors every 5xx',
      'raise consecutiveErrors where the application gives other 5xx in a row',
    )
  if (split || local !== undefined)
    notes.changed(
      [...outlier.path, split ? 'splitExternalLocalOriginErrors' : 'consecutiveLocalOriginFailures'],
      'connections that fail and answers that fail count together',
      'there is nothing to do where that may be',
    )
  if (interval !== undefined)
    notes.changed(
      [...outlier.path, 'interval'],
      'is not needed: errors in a row are acted on at once',
      'there is nothing to do; successRate.window is for shares of errors',
    )
  const limit = all !== undefined && all > 0 ? all : gateway
  if ((all === 0 && !gateway) || percent === 0)
    return { settings: { mode: 'Off' }, panicThresholdPercent: health }
  if (percent === undefined)
    notes.changed(
      [...outlier.path, 'maxEjectionPercent'],
      'is 10 % for Istio where it is not said, and 50 % for Weft',
      'say maximumEjectedPercent: 10 where it must be so few',
    )
  const long = (durationMs(baseEjection ?? '') ?? 0) < 1
  const settings = withoutEmpty({
    consecutiveErrors: limit,
    baseEjection: long ? undefined : baseEjection,
    maximumEjectedPercent: percent,
  })
  const on = Object.keys(settings).length > 0 ? settings : { mode: 'On' }
  return { settings: on, panicThresholdPercent: health }
}

function errors(outlier: Fields, name: string): number | undefined {
  return outlier.integer(name, 0, MOST_ERRORS)
}
