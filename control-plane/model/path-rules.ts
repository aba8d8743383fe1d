/** How the sidecars treat the path of a request before they decide on it: docs/paths.md. */
export interface PathRules {
  /** RFC 3986 section 6.2.2, and adjacent slashes merged. */
  readonly normalize: boolean
  /** `%2F` and `%5C`. */
  readonly escapedSlashes: 'guard' | 'keep' | 'reject' | 'redirect' | 'unescape'
  /** `;` within a segment. */
  readonly parameters: 'guard' | 'keep' | 'reject'
}

/** Where a pod says nothing. */
export const SAFE_PATHS: PathRules = { normalize: true, escapedSlashes: 'guard', parameters: 'guard' }

/** Whether these are the rules of pods that say nothing, whichever object says so. */
export function areSafe({ normalize, escapedSlashes, parameters }: PathRules): boolean {
  return normalize && escapedSlashes === SAFE_PATHS.escapedSlashes && parameters === SAFE_PATHS.parameters
}

/** Where a pod wants its paths untouched: guards go with normalization. */
export const PATHS_AS_THEY_COME: PathRules = {
  normalize: false,
  escapedSlashes: 'keep',
  parameters: 'keep',
}

/**
 * What callers may do for pods of which any may serve: all that they agree on. Where they do not, the path is left as
 * it is, and the sidecar of whoever serves decides. Without a pod: SAFE_PATHS.
 */
export function agreedRules(all: Iterable<PathRules>): PathRules {
  let agreed: PathRules | undefined
  for (const one of all) {
    if (!agreed || agreed === one) agreed = one
    else {
      agreed = {
        normalize: agreed.normalize && one.normalize,
        escapedSlashes: agreed.escapedSlashes === one.escapedSlashes ? one.escapedSlashes : 'keep',
        parameters: agreed.parameters === one.parameters ? one.parameters : 'keep',
      }
    }
  }
  return agreed ?? SAFE_PATHS
}
