/**
 * Who may, in the terms that the control plane writes, that xDS carries (envoy.config.rbac.v3.RBAC) and that a sidecar
 * decides by. There is one such model and one evaluator, so that whoever explains a decision says what is decided.
 */

/** All that is asked of a connection or a request, in this order; the first stage that refuses ends it. */
export type RuleSet = readonly Stage[]

export type Action = 'AUDIT' | 'DENY' | 'ALLOW'

/** One RBAC filter. */
export interface Stage {
  readonly action: Action
  /** Undefined: nothing is enforced. An ALLOW stage without rules refuses everything. */
  readonly enforced: readonly Rule[] | undefined
  /** Decided and told, and never acted upon: all that would be enforced once dry runs are over (Envoy: `shadow_rules`). */
  readonly shadow: readonly Rule[] | undefined
}

/** It matches what any of `permissions` and any of `principals` match. */
export interface Rule {
  /** `namespace/policy/<index of the rule>`, or of a default of the mesh. */
  readonly name: string
  readonly permissions: readonly Matcher[]
  readonly principals: readonly Matcher[]
}

export type Matcher =
  | { readonly kind: 'any' }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Matcher[] }
  | { readonly kind: 'not'; readonly of: Matcher }
  /** The SPIFFE ID that mutual TLS showed; undefined: any. Plaintext has none, and matches nothing. */
  | { readonly kind: 'identity'; readonly match: TextMatch | undefined }
  /** Address of the other end of the connection, whatever headers say. */
  | { readonly kind: 'source-ip'; readonly prefix: string; readonly bits: number }
  | { readonly kind: 'destination-ip'; readonly prefix: string; readonly bits: number }
  /** From `start` up to, and without, `end`: where the connection was going. */
  | { readonly kind: 'port'; readonly start: number; readonly end: number }
  /** SNI of TLS that is passed on. */
  | { readonly kind: 'sni'; readonly match: TextMatch }
  | { readonly kind: 'method'; readonly match: TextMatch }
  /** Host of the authority as it came, with its port. */
  | { readonly kind: 'host'; readonly match: TextMatch }
  /** The normalized path without its query. */
  | { readonly kind: 'path'; readonly match: TextMatch }
  /** The same by segments: {*} is one, {**} the rest or none (Envoy: uri_template_matcher). */
  | { readonly kind: 'path-template'; readonly template: string }
  /** Lower-case name. Each value of a repeated field is tried; undefined: it is there. */
  | { readonly kind: 'header'; readonly name: string; readonly match: TextMatch | undefined }
  /** Of the token that was verified (jwt_authn); `inList`: the claim is a list, and one of its elements matches. */
  | {
      readonly kind: 'claim'
      readonly path: readonly string[]
      readonly match: TextMatch
      readonly inList: boolean
    }

export interface TextMatch {
  readonly type: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex'
  /** Of type regex: RE2's syntax, anchored at both ends. Only routes bring such. */
  readonly value: string
  readonly ignoreCase: boolean
}
