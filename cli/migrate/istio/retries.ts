import type { Fields } from '../../../control-plane/registry/fields.ts'
import { durationMs } from '../../../core/duration.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { readGoDuration } from '../durations.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'

/** Envoy's words (x-envoy-retry-on), as statuses. */
const STATUSES: Readonly<Record<string, readonly number[]>> = {
  '5xx': [500, 502, 503, 504],
  'gateway-error': [502, 503, 504],
  'retriable-4xx': [409],
}
/** What a sidecar of Weft tries again by itself, where that does no harm. */
const BY_ITSELF: ReadonlySet<string> = new Set([
  'connect-failure',
  'refused-stream',
  'reset',
  'reset-before-request',
  'http3-post-connect-failure',
  'retriable-status-codes',
])
/** Envoy's x-envoy-retry-grpc-on. */
const OF_GRPC: ReadonlySet<string> = new Set([
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
])
/** What Istio asks for where nothing is said. */
const DEFAULT = [503]

export interface TimesAndRetries {
  readonly timeouts: JsonObject
  readonly retry: JsonObject | undefined
}

/** `timeout` and `retries` of a rule as `timeouts` and `retry` of Gateway API. */
export function readTimesAndRetries(rule: Fields, notes: Notes): TimesAndRetries {
  const request = noneForZero(readGoDuration(rule, 'timeout'))
  const retries = rule.optionalMap('retries')
  if (!retries) return { timeouts: withoutEmpty({ request }), retry: undefined }
  const attempts = retries.integer('attempts', 0, 1000)
  const retryOn = retries.text('retryOn')
  const backoff = readGoDuration(retries, 'backoff')
  const perTry = noneForZero(readGoDuration(retries, 'perTryTimeout'))
  retries.boolean('retryIgnorePreviousHosts')
  notes.withoutCounterpart(retries, {
    retryRemoteLocalities: 'take it out: another try goes to any endpoint that may be used',
  })
  retries.refuseUnknown()
  const tooLong = perTry && request && (durationMs(perTry) ?? 0) > (durationMs(request) ?? 0)
  if (tooLong)
    notes.changed(
      [...retries.path, 'perTryTimeout'],
      'is longer than timeout, which ends the request before',
      'there is nothing to do: it made no difference',
    )
  const timeouts = withoutEmpty({ request, backendRequest: tooLong ? undefined : perTry })
  if (attempts === 0) return { timeouts, retry: { attempts } }
  notes.changed(
    retries.path,
    'a POST or PATCH that may have reached the application is not sent again',
    'annotate the HTTPRoute with weft.dev/retry-non-idempotent: "true" where that does no harm',
  )
  const codes = retryOn === undefined ? DEFAULT : statusesOf(retryOn, [...retries.path, 'retryOn'], notes)
  return { timeouts, retry: withoutEmpty({ codes: [...codes], attempts, backoff }) }
}

/** Istio's word for no limit. */
function noneForZero(duration: string | undefined): string | undefined {
  return duration !== undefined && durationMs(duration) === 0 ? undefined : duration
}

function statusesOf(retryOn: string, field: readonly (string | number)[], notes: Notes): readonly number[] {
  const codes = new Set<number>()
  for (const word of retryOn.split(',').map((one) => one.trim())) {
    const statuses = Object.hasOwn(STATUSES, word) ? STATUSES[word] : undefined
    if (statuses) for (const status of statuses) codes.add(status)
    else if (/^[45]\d\d$/.test(word)) codes.add(Number(word))
    else if (OF_GRPC.has(word))
      notes.changed(
        field,
        `${word}: a route of HTTP asks for no retries by grpc-status`,
        'have the caller try again',
      )
    else if (word !== '' && !BY_ITSELF.has(word))
      notes.lost(field, `${JSON.stringify(word)} has no counterpart`, 'name the statuses: "502,503,504"')
  }
  if (retryOn.includes('5xx'))
    notes.changed(
      field,
      '5xx becomes 500, 502, 503 and 504',
      'add the others that the application gives to retry.codes',
    )
  return [...codes].sort((a, b) => a - b)
}
