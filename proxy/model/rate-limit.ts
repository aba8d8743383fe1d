import type { ValueMatch } from './value-match.ts'

/**
 * envoy.config.route.v3.RateLimit: what of a request is counted by. Each action gives one entry of a descriptor, and a
 * request that one of them has nothing for gives none.
 */
export type RateLimitRule = readonly RateLimitAction[]

/** envoy.config.route.v3.RateLimit.Action */
export type RateLimitAction =
  | {
      readonly kind: 'request-header'
      readonly key: string
      /** Lower-case. */
      readonly header: string
      /** Requests without the header give the other entries. */
      readonly skipIfAbsent: boolean
    }
  /** The address of the connection, which nobody can claim in a header. */
  | { readonly kind: 'remote-address'; readonly key: string }
  | { readonly kind: 'generic'; readonly key: string; readonly value: string }
  | {
      readonly kind: 'header-match'
      readonly key: string
      readonly value: string
      /** False: an entry for requests that do not match. */
      readonly expect: boolean
      readonly headers: readonly ValueMatch[]
    }

/** envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry; `value` '' of a limit: each value by itself. */
export interface DescriptorEntry {
  readonly key: string
  readonly value: string
}
