import { EFFECT_OF_WHAT_IS_UNREAD } from '../model/effect.ts'
import type { Problem } from '../../core/problem.ts'
import type { SourceError } from '../registry/source.ts'
import { remedyOf } from './remedy.ts'

/** A mistake in what a source reads; what was read before serves on. */
export function sourceProblem(error: SourceError): Problem {
  const { origin, line, column, file, object, field, message } = error
  return {
    code: object ? 'WEFT0002' : 'WEFT0001',
    // Of objects of an API server the origin is their name.
    file: file ?? (object ? null : origin),
    line: line ?? null,
    column: column ?? null,
    kind: object?.kind ?? '',
    namespace: object?.namespace ?? '',
    name: object?.name ?? '',
    field,
    severity: 'error',
    message,
    remedy: error.remedy ?? remedyOf(field, message),
    effect: EFFECT_OF_WHAT_IS_UNREAD,
  }
}
