import { METADATA, METADATA_PATH_PARAMETERS } from '../../core/contract.ts'
import type { HttpConnectionManager, Metadata } from '../../core/xds/generated/envoy.js'
import { PATHS_AS_THEY_COME, SAFE_PATHS, type PathRules } from '../model/path-rules.ts'
import type { Scope } from './scope.ts'

const PARAMETERS = ['keep', 'guard', 'reject'] as const

/**
 * normalize_path, merge_slashes and path_with_escaped_slashes_action. Where Envoy leaves its defaults to the
 * implementation they are Weft's safe ones: normalize_path unset means merged slashes as well.
 */
export function decodePathRules(
  manager: Pick<HttpConnectionManager, 'normalizePath' | 'mergeSlashes' | 'pathWithEscapedSlashesAction'>,
  parameters: PathRules['parameters'] | undefined,
): PathRules {
  const normalize = manager.normalizePath ?? SAFE_PATHS.normalize
  const preset = normalize ? SAFE_PATHS : PATHS_AS_THEY_COME
  const actions = {
    IMPLEMENTATION_SPECIFIC_DEFAULT: preset.escapedSlashes,
    KEEP_UNCHANGED: 'keep',
    REJECT_REQUEST: 'reject',
    UNESCAPE_AND_REDIRECT: 'unescape-redirect',
    UNESCAPE_AND_FORWARD: 'unescape-forward',
  } as const
  return {
    normalize,
    mergeSlashes:
      manager.normalizePath === undefined ? SAFE_PATHS.mergeSlashes : (manager.mergeSlashes ?? false),
    escapedSlashes: actions[manager.pathWithEscapedSlashesAction ?? 'IMPLEMENTATION_SPECIFIC_DEFAULT'],
    parameters: parameters ?? preset.parameters,
  }
}

/** filter_metadata `weft.dev` of a listener: `pathParameters` for all of its connection managers, since Envoy has no field. */
export function decodePathParameters(
  metadata: Metadata | undefined,
  scope: Scope,
): PathRules['parameters'] | undefined {
  const at = scope.at(`filter_metadata[${METADATA}]`)
  const pathParameters = metadata?.filterMetadata?.[METADATA]?.[METADATA_PATH_PARAMETERS]
  if (pathParameters === undefined) return undefined
  const known = PARAMETERS.find((word) => word === pathParameters)
  if (!known) at.at(METADATA_PATH_PARAMETERS).fail(`must be one of ${PARAMETERS.join(', ')}`)
  return known
}
