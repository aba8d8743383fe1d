import type { Fields } from '../../../control-plane/registry/fields.ts'
import { durationMs } from '../../../core/duration.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { readGoDuration } from '../durations.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { readStringMatch } from './string-match.ts'

/** `corsPolicy` as a filter of type CORS. */
export function readCors(cors: Fields | undefined, notes: Notes): JsonObject | undefined {
  if (!cors) return undefined
  const allowOrigins = [...cors.texts('allowOrigin'), ...readOrigins(cors, notes)]
  const maxAge = readGoDuration(cors, 'maxAge')
  const allowMethods = cors.texts('allowMethods')
  const allowHeaders = cors.texts('allowHeaders')
  const exposeHeaders = cors.texts('exposeHeaders')
  const allowCredentials = cors.boolean('allowCredentials')
  notes.withoutCounterpart(cors, {
    unmatchedPreflights: 'take it out: preflights of other origins are answered without permission',
  })
  cors.refuseUnknown()
  if (allowOrigins.length === 0) return undefined
  const seconds = Math.max(1, Math.round((durationMs(maxAge ?? '') ?? 0) / 1000))
  return {
    type: 'CORS',
    cors: withoutEmpty({
      allowOrigins,
      allowMethods,
      allowHeaders,
      exposeHeaders,
      maxAge: maxAge === undefined ? undefined : seconds,
      allowCredentials,
    }),
  }
}

function readOrigins(cors: Fields, notes: Notes): readonly string[] {
  return cors
    .list('allowOrigins', (item): string | undefined => {
      const match = readStringMatch(item)
      if (match.kind === 'exact') return match.value
      notes.lost(
        item.path,
        'is a pattern, and the CORS filter of Gateway API takes names',
        'name the origins: https://shop.example, or https://*.shop.example for all below it',
      )
      return undefined
    })
    .filter((origin) => origin !== undefined)
}
