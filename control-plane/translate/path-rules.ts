import { PATHS_AS_THEY_COME, SAFE_PATHS, type PathRules } from '../model/path-rules.ts'
import type { PodObject } from '../registry/kinds/core.ts'

// As injector/annotations.ts lists them.
const NORMALIZE = 'weft.dev/normalize-paths'
const ESCAPED_SLASHES = 'weft.dev/escaped-slashes'
const PARAMETERS = 'weft.dev/path-parameters'
const ACTIONS = ['guard', 'keep', 'reject', 'redirect', 'unescape'] as const
const WORDS = ['guard', 'keep', 'reject'] as const

/**
 * What the pod's annotations say of its paths. A word that is unknown counts as absent: the injector has warned
 * whoever made the pod. Pods that say nothing share one object.
 */
export function pathRulesOf(pod: PodObject): PathRules {
  const said = (name: string): string | undefined => pod.meta.annotations[name]?.trim()
  const preset = said(NORMALIZE) === 'off' ? PATHS_AS_THEY_COME : SAFE_PATHS
  const escapedSlashes = ACTIONS.find((word) => word === said(ESCAPED_SLASHES))
  const parameters = WORDS.find((word) => word === said(PARAMETERS))
  if (escapedSlashes === undefined && parameters === undefined) return preset
  return {
    normalize: preset.normalize,
    // Without normalization there is nothing to guard: any dot segment passes.
    escapedSlashes:
      escapedSlashes === undefined || escapedSlashes === 'guard' ? preset.escapedSlashes : escapedSlashes,
    parameters: parameters === undefined || parameters === 'guard' ? preset.parameters : parameters,
  }
}
