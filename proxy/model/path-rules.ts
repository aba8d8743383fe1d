/** How the path of a request is made normal before anything decides on it: docs/paths.md has examples of each rule. */
export interface PathRules {
  /**
   * RFC 3986 section 6.2.2: percent-encodings in upper case, unreserved characters decoded, dot segments
   * removed; `\` is `/`. A path that climbs above the root, `#`, `%00`, and `%` without two digits are 400.
   * Envoy: normalize_path.
   */
  readonly normalize: boolean
  /** Adjacent slashes become one, after dot segments are removed. Envoy: merge_slashes. */
  readonly mergeSlashes: boolean
  /**
   * `%2F` and `%5C`. `guard` keeps them, and refuses a path that reading them as slashes would give a dot
   * segment. Envoy: path_with_escaped_slashes_action, which has no `guard`.
   */
  readonly escapedSlashes: 'keep' | 'guard' | 'reject' | 'unescape-forward' | 'unescape-redirect'
  /**
   * `;` of a segment (RFC 3986 section 3.3). `guard` keeps it, and refuses a path that would have a dot
   * segment, or a segment less, once it is cut off. `%3B` counts as well. Envoy has no field for it.
   */
  readonly parameters: 'keep' | 'guard' | 'reject'
}

/** The default: what is decided on is what every reader of the path understands, and legitimate paths pass. */
export const SAFE_PATHS: PathRules = {
  normalize: true,
  mergeSlashes: true,
  escapedSlashes: 'guard',
  parameters: 'guard',
}

/** Nothing is touched, nothing refused. */
export const PATHS_AS_THEY_COME: PathRules = {
  normalize: false,
  mergeSlashes: false,
  escapedSlashes: 'keep',
  parameters: 'keep',
}
