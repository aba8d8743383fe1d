import type { TappedRequest } from '../api/tap.ts'
import { WeftError } from '../errors.ts'
import { readTapFilter, type TapFilter } from './tap-filter.ts'

// What a control plane asks of a sidecar by the question `tap` (core/proto/weft/v1/questions.proto), and what that tells.

/** The kind of question. */
export const TAP_QUESTION = 'tap'

export interface TapQuestion {
  readonly filter: TapFilter
  /** Requests that are told in one second; those beyond it are counted. */
  readonly rate: number
  /** With header fields and query. */
  readonly headers: boolean
}

/** One message of a sidecar. */
export interface TapBatch {
  readonly requests: readonly TappedRequest[]
  /** Requests that fit and are not told, since the batch before. */
  readonly skipped: number
}

export const TAP_LIMITS = {
  /** Requests in one second; of `rate`. */
  rate: 1000,
  /** Characters of JSON of the requests of a batch; what would go beyond it is counted instead. */
  batch: 128 * 1024,
  /** A tap ends by itself where nobody has asked for it again for so long; and whoever listens asks again so often. */
  leaseMs: 60_000,
  renewMs: 20_000,
} as const

/** Characters that a text of a request may have. */
const LONGEST_TEXT = 1024
const MOST_FIELDS = 64

/** Throws WeftError `tap.question` or `tap.filter`. */
export function readTapQuestion(value: unknown): TapQuestion {
  const { filter, rate, headers } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (!Number.isInteger(rate) || (rate as number) < 1 || (rate as number) > TAP_LIMITS.rate)
    throw new WeftError('tap.question', `must be a whole number from 1 to ${TAP_LIMITS.rate}`, {
      field: 'rate',
    })
  if (typeof headers !== 'boolean')
    throw new WeftError('tap.question', 'must be true or false', { field: 'headers' })
  return { filter: readTapFilter(filter), rate: rate as number, headers }
}

/** Of what a sidecar says, which its pod may have changed. Throws WeftError `tap.batch`. */
export function readTapBatch(value: unknown): TapBatch {
  const { requests, skipped } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (!Array.isArray(requests) || requests.length > TAP_LIMITS.rate || !isCount(skipped)) throw noBatch()
  return { requests: requests.map(readTappedRequest), skipped }
}

const TEXTS = [
  'namespace',
  'pod',
  'service',
  'source',
  'destination',
  'method',
  'authority',
  'path',
  'flags',
  'traceId',
  'route',
  'upstream',
] as const

/** Throws WeftError `tap.batch`. What is not known is left out. */
export function readTappedRequest(value: unknown): TappedRequest {
  const one = (value ?? {}) as Readonly<Record<string, unknown>>
  const { at, direction, status, grpcStatus, durationMs, asked, query, headers, traced } = one
  const sound =
    TEXTS.every((name) => isText(one[name])) &&
    [at, status, durationMs].every(isCount) &&
    (direction === 'inbound' || direction === 'outbound') &&
    (grpcStatus === null || isCount(grpcStatus)) &&
    [asked, query].every((text) => text === undefined || isText(text)) &&
    (traced === undefined || typeof traced === 'boolean') &&
    (headers === undefined || areFields(headers))
  if (!sound) throw noBatch()
  const known = Object.fromEntries(TEXTS.map((name) => [name, one[name]]))
  return {
    ...(known as Record<(typeof TEXTS)[number], string>),
    ...{ at: at as number, status: status as number, durationMs: durationMs as number },
    direction,
    grpcStatus: grpcStatus as number | null,
    ...(traced === undefined ? {} : { traced: traced as boolean }),
    ...(asked === undefined ? {} : { asked: asked as string }),
    ...(query === undefined ? {} : { query: query as string }),
    ...(headers === undefined ? {} : { headers: headers as Record<string, string> }),
  }
}

function areFields(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const fields = Object.entries(value)
  return fields.length <= MOST_FIELDS && fields.every(([name, text]) => isText(name) && isText(text))
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LONGEST_TEXT
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}

function noBatch(): WeftError {
  return new WeftError('tap.batch', 'the sidecar tells what is no request')
}
