import type { Fields } from '../../../control-plane/registry/fields.ts'
import { GRPC_STATUSES } from '../../../core/grpc-status.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { readGoDuration } from '../durations.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { readPercentage } from './percent.ts'

/** `http[].fault` as `faults` of a TrafficPolicy. */
export function readFaults(fault: Fields | undefined, notes: Notes): readonly JsonObject[] {
  if (!fault) return []
  const delay = fault.optionalMap('delay')
  const abort = fault.optionalMap('abort')
  fault.refuseUnknown()
  const made = withoutEmpty({
    delay: delay && readDelay(delay, notes),
    abort: abort && readAbort(abort, notes),
  })
  return Object.keys(made).length > 0 ? [made] : []
}

function readDelay(delay: Fields, notes: Notes): JsonObject | undefined {
  const duration = readGoDuration(delay, 'fixedDelay')
  const percent = percentOf(delay, notes)
  notes.withoutCounterpart(delay, { exponentialDelay: 'write fixedDelay' })
  delay.refuseUnknown()
  return duration === undefined || percent === undefined ? undefined : { duration, percent }
}

function readAbort(abort: Fields, notes: Notes): JsonObject | undefined {
  const status = abort.integer('httpStatus', 200, 599)
  const grpcStatus = abort.oneOf('grpcStatus', GRPC_STATUSES)
  const percent = percentOf(abort, notes)
  notes.withoutCounterpart(abort, { http2Error: 'write httpStatus or grpcStatus' })
  abort.refuseUnknown()
  if (percent === undefined || (status === undefined && grpcStatus === undefined)) return undefined
  return withoutEmpty({ status, grpcStatus, percent })
}

/** Undefined: of none, which is what Istio makes of a percentage that is not there. */
function percentOf(fields: Fields, notes: Notes): number | undefined {
  const percent = readPercentage(fields, 'percentage', 'percent')
  if (percent === undefined)
    notes.changed(
      fields.path,
      'has no percentage, so that it holds for no request',
      'take it out, or say percentage.value',
    )
  return percent === 0 ? undefined : percent
}
