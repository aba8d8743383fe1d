import * as preset from '../../../model/traffic-defaults.ts'
import type {
  AdaptiveConcurrencySettings,
  BackendFailover,
  Fault,
  Hedging,
  RateLimitSettings,
} from '../../../model/traffic-settings.ts'
import type { Fields } from '../../fields.ts'
import { readDurationWithin } from '../duration.ts'
import { HEADER_NAME } from '../header-name.ts'
import { GRPC_STATUSES, grpcStatusNumber } from '../../../../core/grpc-status.ts'
import { onlyWith } from './only-with.ts'

const MOST_FAULTS = 16
const MOST_MATCHES = 8
const MOST_LIMITS = 16
const MOST_AT_ONCE = 1_000_000
const VALUE = { pattern: /^[\x20-\x7e]{1,1024}$/, is: '1 to 1,024 printable characters' }

/** `spec.backendFailover` */
export function readBackendFailover(section: Fields): BackendFailover {
  if (!section.has('mode')) section.problem('is required: Off or Redistribute', 'mode')
  const mode = section.oneOf('mode', ['Off', 'Redistribute']) ?? 'Off'
  section.refuseUnknown()
  return { mode }
}

/** `spec.faults`; an empty list means none, also where a wider target has some. */
export function readFaults(spec: Fields): readonly Fault[] {
  return spec.atMost('faults', MOST_FAULTS) ? spec.list('faults', readFault) : []
}

function readFault(item: Fields): Fault {
  const matches = item.atMost('matches', MOST_MATCHES) ? item.list('matches', readMatch) : []
  const delay = item.optionalMap('delay')
  const abort = item.optionalMap('abort')
  if (!delay && !abort) item.problem('needs delay or abort')
  const result: Fault = {
    matches,
    ...(delay && { delay: readDelay(delay) }),
    ...(abort && { abort: readAbort(abort) }),
  }
  for (const part of [item, delay, abort]) part?.refuseUnknown()
  return result
}

function readMatch(item: Fields): Fault['matches'][number] {
  const header = item.requiredText('header', HEADER_NAME).toLowerCase()
  const value = item.requiredText('value', VALUE)
  item.refuseUnknown()
  return { header, value }
}

function readDelay(section: Fields): NonNullable<Fault['delay']> {
  if (!section.has('duration')) section.problem('is required: a duration such as 100ms', 'duration')
  return {
    durationMs: readDurationWithin(section, 'duration', '1ms', '1h') ?? 1,
    percent: section.number('percent', 0, 100) ?? 100,
  }
}

function readAbort(section: Fields): NonNullable<Fault['abort']> {
  if (!section.has('status') && !section.has('grpcStatus')) section.problem('needs status or grpcStatus')
  const name = section.oneOf('grpcStatus', GRPC_STATUSES)
  return {
    status: section.integer('status', 200, 599),
    grpcStatus: name && grpcStatusNumber(name),
    percent: section.number('percent', 0, 100) ?? 100,
  }
}

/** `spec.rateLimits`; an empty list means none, also where a wider target has some. */
export function readRateLimits(spec: Fields): readonly RateLimitSettings[] {
  return spec.atMost('rateLimits', MOST_LIMITS) ? spec.list('rateLimits', readRateLimit) : []
}

function readRateLimit(item: Fields): RateLimitSettings {
  if (!item.has('requests')) item.problem('is required: how many in that time', 'requests')
  if (!item.has('per')) item.problem('is required: a duration such as 1s', 'per')
  const requests = item.integer('requests', 1, MOST_AT_ONCE) ?? 1
  // Envoy fills no bucket more often than every 50 ms.
  const perMs = readDurationWithin(item, 'per', '50ms', '24h') ?? 1000
  const burst = item.integer('burst', 1, MOST_AT_ONCE) ?? requests
  if (burst < requests) item.problem('must not be less than requests', 'burst')
  const by = item.optionalMap('by')
  const type = by?.oneOf('type', ['Service', 'Caller', 'Header']) ?? 'Service'
  if (by && !by.has('type')) by.problem('is required: Service, Caller or Header', 'type')
  const header = by?.text('header', HEADER_NAME)?.toLowerCase() ?? ''
  if (by) {
    onlyWith(by, 'header', type === 'Header', 'type is Header')
    if (type === 'Header' && !by.has('header')) by.problem('is required where type is Header', 'header')
    by.refuseUnknown()
  }
  item.refuseUnknown()
  return { requests, perMs, burst, by: type === 'Header' ? { type, header } : { type } }
}

/** `spec.adaptiveConcurrency` */
export function readAdaptiveConcurrency(section: Fields): AdaptiveConcurrencySettings {
  const mode = section.oneOf('mode', ['On', 'Off']) ?? 'On'
  const minimumLimit =
    section.integer('minimumLimit', 1, MOST_AT_ONCE) ?? preset.ADAPTIVE_CONCURRENCY.minimumLimit
  const maximumLimit =
    section.integer('maximumLimit', 1, MOST_AT_ONCE) ??
    Math.max(preset.ADAPTIVE_CONCURRENCY.maximumLimit, minimumLimit)
  const priorityHeader = section.text('priorityHeader', HEADER_NAME)?.toLowerCase()
  section.refuseUnknown()
  if (mode === 'Off') {
    for (const name of ['minimumLimit', 'maximumLimit', 'priorityHeader'])
      onlyWith(section, name, false, 'mode is On')
    return { mode }
  }
  if (maximumLimit < minimumLimit) section.problem('must not be less than minimumLimit', 'maximumLimit')
  return { mode, minimumLimit, maximumLimit, priorityHeader }
}

/** `spec.hedging` */
export function readHedging(section: Fields): Hedging {
  if (!section.has('after')) section.problem('is required: a duration such as 50ms', 'after')
  const afterMs = readDurationWithin(section, 'after', '1ms', '1h') ?? 1
  const maximum = section.integer('maximum', 0, 3) ?? preset.HEDGING_MAXIMUM
  section.refuseUnknown()
  return { afterMs, maximum }
}
