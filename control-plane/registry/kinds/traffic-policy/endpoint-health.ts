import * as preset from '../../../model/traffic-defaults.ts'
import type {
  CircuitBreaker,
  HealthCheckSettings,
  OutlierSettings,
  RetryBudget,
  StatusRange,
} from '../../../model/traffic-settings.ts'
import type { Fields } from '../../fields.ts'
import { readDurationWithin } from '../duration.ts'
import { GRPC_STATUSES, grpcStatusNumber } from '../../../../core/grpc-status.ts'
import { onlyWith } from './only-with.ts'

const MOST_CODES = 32
const MOST_RANGES = 8
const MOST_AT_ONCE = 1_000_000
const PATH = { pattern: /^\/[\x21-\x7e]{0,1023}$/, is: 'a path that begins with "/"' }
const SERVICE = { pattern: /^[\x21-\x7e]{0,253}$/, is: 'the name of a service, at most 253 characters' }

/** `spec.outlierDetection` */
export function readOutlierDetection(section: Fields): OutlierSettings {
  const mode = section.oneOf('mode', ['On', 'Off']) ?? 'On'
  const consecutiveErrors = section.integer('consecutiveErrors', 1, 1000)
  const statusCodes = section.atMost('statusCodes', MOST_CODES)
    ? section.integers('statusCodes', 400, 499)
    : []
  const grpcStatusCodes = section.atMost('grpcStatusCodes', MOST_CODES)
    ? section.texts('grpcStatusCodes').flatMap((text, at) => {
        const name = GRPC_STATUSES.find((one) => one === text)
        if (name) return [grpcStatusNumber(name)]
        section.problem(`must be one of ${GRPC_STATUSES.join(', ')}`, 'grpcStatusCodes', at)
        return []
      })
    : []
  const rate = section.optionalMap('successRate')
  const successRate = {
    belowPercent: rate?.integer('belowPercent', 1, 100),
    windowMs: rate && readDurationWithin(rate, 'window', '1s', '1h'),
    minimumRequests: rate?.integer('minimumRequests', 1, MOST_AT_ONCE),
  }
  const baseEjectionMs =
    readDurationWithin(section, 'baseEjection', '1ms', '24h') ?? preset.OUTLIER_DETECTION.baseEjectionMs
  const maximumEjectionMs =
    readDurationWithin(section, 'maximumEjection', '1ms', '24h') ??
    Math.max(preset.OUTLIER_DETECTION.maximumEjectionMs, baseEjectionMs)
  const percent = section.integer('maximumEjectedPercent', 1, 100)
  rate?.refuseUnknown()
  section.refuseUnknown()
  if (mode === 'Off') {
    for (const name of OF_ON) onlyWith(section, name, false, 'mode is On')
    return { mode }
  }
  if (maximumEjectionMs < baseEjectionMs)
    section.problem('must not be shorter than baseEjection', 'maximumEjection')
  const { OUTLIER_DETECTION } = preset
  return {
    mode,
    consecutiveErrors: consecutiveErrors ?? OUTLIER_DETECTION.consecutiveErrors,
    statusCodes: sorted(statusCodes),
    grpcStatusCodes: sorted(grpcStatusCodes),
    successRate: {
      belowPercent: successRate.belowPercent ?? OUTLIER_DETECTION.successRate.belowPercent,
      windowMs: successRate.windowMs ?? OUTLIER_DETECTION.successRate.windowMs,
      minimumRequests: successRate.minimumRequests ?? OUTLIER_DETECTION.successRate.minimumRequests,
    },
    baseEjectionMs,
    maximumEjectionMs,
    maximumEjectedPercent: percent ?? OUTLIER_DETECTION.maximumEjectedPercent,
  }
}

const OF_ON = [
  'consecutiveErrors',
  'statusCodes',
  'grpcStatusCodes',
  'successRate',
  'baseEjection',
  'maximumEjection',
  'maximumEjectedPercent',
] as const

/** `spec.circuitBreaker` */
export function readCircuitBreaker(section: Fields): CircuitBreaker {
  const names = ['maximumConnections', 'maximumPendingRequests', 'maximumRequests', 'maximumRetries'] as const
  const said = names.flatMap((name) => {
    const value = section.integer(name, 1, MOST_AT_ONCE)
    return value === undefined ? [] : [[name, value] as const]
  })
  section.refuseUnknown()
  if (!names.some((name) => section.has(name))) section.problem(`needs one of ${names.join(', ')}`)
  return Object.fromEntries(said)
}

/** `spec.retryBudget` */
export function readRetryBudget(section: Fields): RetryBudget {
  const result = {
    percent: section.integer('percent', 0, 100) ?? preset.RETRY_BUDGET.percent,
    minimumPerSecond:
      section.integer('minimumPerSecond', 0, MOST_AT_ONCE) ?? preset.RETRY_BUDGET.minimumPerSecond,
  }
  section.refuseUnknown()
  if (!section.has('percent') && !section.has('minimumPerSecond'))
    section.problem('needs percent or minimumPerSecond')
  return result
}

/** `spec.healthCheck` */
export function readHealthCheck(section: Fields): HealthCheckSettings {
  if (!section.has('type')) section.problem('is required: HTTP, GRPC or TCP', 'type')
  const type = section.oneOf('type', ['HTTP', 'GRPC', 'TCP']) ?? 'TCP'
  const http = section.optionalMap('http')
  const grpc = section.optionalMap('grpc')
  onlyWith(section, 'http', type === 'HTTP', 'type is HTTP')
  onlyWith(section, 'grpc', type === 'GRPC', 'type is GRPC')
  const ranges =
    http?.atMost('expectedStatuses', MOST_RANGES) && http.has('expectedStatuses')
      ? http.list('expectedStatuses', readRange)
      : preset.HEALTH_CHECK.expectedStatuses
  const path = http?.text('path', PATH) ?? preset.HEALTH_CHECK.path
  const service = grpc?.text('service', SERVICE) ?? ''
  const result = {
    intervalMs: readDurationWithin(section, 'interval', '100ms', '1h') ?? preset.HEALTH_CHECK.intervalMs,
    timeoutMs: readDurationWithin(section, 'timeout', '1ms', '1h') ?? preset.HEALTH_CHECK.timeoutMs,
    unhealthyThreshold:
      section.integer('unhealthyThreshold', 1, 100) ?? preset.HEALTH_CHECK.unhealthyThreshold,
    healthyThreshold: section.integer('healthyThreshold', 1, 100) ?? preset.HEALTH_CHECK.healthyThreshold,
  }
  for (const part of [section, http, grpc]) part?.refuseUnknown()
  const probe =
    type === 'HTTP'
      ? { type, path, expectedStatuses: ranges }
      : type === 'GRPC'
        ? { type, service }
        : ({ type } as const)
  return { probe, ...result }
}

function readRange(item: Fields): StatusRange {
  for (const name of ['start', 'end']) if (!item.has(name)) item.problem('is required', name)
  const start = item.integer('start', 100, 599) ?? 100
  const end = item.integer('end', 100, 599) ?? 599
  if (end < start) item.problem('must not be less than start', 'end')
  item.refuseUnknown()
  return { start, end }
}

function sorted(codes: readonly number[]): readonly number[] {
  return [...new Set(codes)].toSorted((a, b) => a - b)
}
