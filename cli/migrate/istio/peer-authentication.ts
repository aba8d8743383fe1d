import type { Fields } from '../../../control-plane/registry/fields.ts'
import { ANNOTATION_PREFIX, INJECT_LABEL } from '../../../core/contract.ts'
import { peerAuthentication, type Manifest, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'

/** Whose policies Istio takes for the whole mesh, unless it was told another. */
const ROOT_NAMESPACE = 'istio-system'

/** A PeerAuthentication of Istio as one of Weft's. */
export function migratePeerAuthentication(object: Fields, own: ObjectId, notes: Notes): readonly Manifest[] {
  const spec = object.map('spec')
  const selector = spec.optionalMap('selector')
  const matchLabels = selector?.stringMap('matchLabels')
  const mtls = spec.map('mtls')
  const mode = mtls.text('mode') ?? 'UNSET'
  notes.withoutCounterpart(spec, {
    portLevelMtls: `give the port a workload of its own, or exclude it by the annotation ${ANNOTATION_PREFIX}exclude-inbound-ports`,
  })
  for (const part of [spec, mtls, selector]) part?.refuseUnknown()
  const field = [...mtls.path, 'mode']
  if (mode === 'UNSET') {
    notes.changed(
      field,
      'says nothing by itself: a pod is PERMISSIVE, or as the policy of its namespace says',
      'take it out',
    )
    return []
  }
  if (mode !== 'STRICT' && mode !== 'PERMISSIVE') {
    notes.lost(
      field,
      `${mode} has no counterpart: a sidecar takes mutual TLS always`,
      `leave the pods out by the label ${INJECT_LABEL}: disabled, or exclude ports by ${ANNOTATION_PREFIX}exclude-inbound-ports`,
    )
    return []
  }
  if (own.namespace === ROOT_NAMESPACE && !matchLabels)
    notes.lost(
      ['metadata', 'namespace'],
      'is for the whole mesh, and no policy of Weft is',
      `copy what is printed into each namespace of the mesh, in place of ${ROOT_NAMESPACE}`,
    )
  return [peerAuthentication(own, mode, matchLabels && { ...matchLabels })]
}
