import type { Pattern } from '../../core/pattern.ts'

/** envoy.config.route.v3.HeaderMatcher and QueryParameterMatcher; names of fields lower-case. */
export interface ValueMatch {
  readonly name: string
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex' | 'present'
  readonly value: string
  readonly regex: Pattern | undefined
  /** Says nothing of what is absent, but of presence itself. */
  readonly invert: boolean
  /** An absent header is held against it as an empty one. */
  readonly absentIsEmpty?: boolean
}
