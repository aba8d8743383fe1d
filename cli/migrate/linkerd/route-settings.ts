import { durationMs } from '../../../core/duration.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { goDuration } from '../durations.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { wholeNumber, type LinkerdAnnotations } from './annotations.ts'

const RETRY = 'retry.linkerd.io/'
const TIMEOUT = 'timeout.linkerd.io/'
/** Retries of a request where retry.linkerd.io/limit is not there. */
const DEFAULT_LIMIT = 1
const DURATION_IS = 'a duration such as 500ms or 10s'
const WORDS: Readonly<Record<string, readonly number[]>> = {
  '5xx': [500, 502, 503, 504],
  'gateway-error': [502, 503, 504],
}

/** What `timeouts` and `retry` of rules say. */
export interface RouteSettings {
  readonly timeouts: JsonObject
  readonly retry: JsonObject | undefined
}

export function hasRouteSettings(annotations: LinkerdAnnotations): boolean {
  return annotations.has(RETRY) || annotations.has(TIMEOUT)
}

/** Annotations `retry.linkerd.io/*` and `timeout.linkerd.io/*`, of a Service or a route. */
export function readRouteSettings(annotations: LinkerdAnnotations, notes: Notes): RouteSettings {
  const duration = (name: string): string | undefined => annotations.takeAs(name, DURATION_IS, goDuration)
  const request = duration(`${TIMEOUT}request`)
  const response = duration(`${TIMEOUT}response`)
  const perTry = duration(`${RETRY}timeout`)
  const limit = annotations.takeAs(`${RETRY}limit`, 'a whole number', wholeNumber)
  const statuses = annotations.take(`${RETRY}http`)
  annotations.nameOthers({
    [`${TIMEOUT}idle`]: 'annotate the pods with weft.dev/idle-timeout',
    [`${RETRY}grpc`]: 'have the caller try again: a route asks for no retries by grpc-status',
  })
  if (response !== undefined)
    notes.changed(
      annotations.field(`${TIMEOUT}response`),
      'becomes timeouts.backendRequest, which ends a try until its answer begins',
      'there is nothing to do where that may be',
    )
  const backend = perTry ?? response
  const long = request && backend && (durationMs(backend) ?? 0) > (durationMs(request) ?? 0)
  const timeouts = withoutEmpty({ request, backendRequest: long ? undefined : backend })
  if (statuses === undefined) return { timeouts, retry: undefined }
  notes.changed(
    annotations.field(`${RETRY}http`),
    'a POST or PATCH that may have reached the application is not sent again',
    'annotate the HTTPRoute with weft.dev/retry-non-idempotent: "true" where that does no harm',
  )
  const codes = readStatuses(statuses, annotations.field(`${RETRY}http`), notes)
  return { timeouts, retry: withoutEmpty({ codes: [...codes], attempts: limit ?? DEFAULT_LIMIT }) }
}

function readStatuses(text: string, field: readonly (string | number)[], notes: Notes): readonly number[] {
  const codes = new Set<number>()
  for (const word of text.split(',').map((one) => one.trim().toLowerCase())) {
    const known = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
    const [, from, to = from] = /^([45]\d\d)(?:-([45]\d\d))?$/.exec(word) ?? []
    if (known) for (const code of known) codes.add(code)
    else if (from !== undefined) for (let code = Number(from); code <= Number(to); code++) codes.add(code)
    else notes.lost(field, `${JSON.stringify(word)} has no counterpart`, 'name statuses: "502,503,504"')
    if (word === '5xx')
      notes.changed(
        field,
        '5xx becomes 500, 502, 503 and 504',
        'add the others that the application gives to retry.codes',
      )
  }
  return [...codes].sort((a, b) => a - b)
}
