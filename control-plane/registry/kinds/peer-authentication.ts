import type { Fields } from '../fields.ts'
import { readSelector, type Labels } from './label-selector.ts'
import { readMeta, type Meta } from './meta.ts'

/** weft.dev/v1alpha1 PeerAuthentication: which connections the pods of a namespace take. */
export interface PeerAuthenticationObject {
  readonly kind: 'PeerAuthentication'
  readonly meta: Meta
  /** Undefined: the whole namespace. */
  readonly selector: Labels | undefined
  readonly mode: 'STRICT' | 'PERMISSIVE'
}

/**
 * Strict, as the definition is that the API server holds (deploy/chart/crds): an unknown field may narrow what its author
 * meant to allow, a selector without labels would mean the whole namespace, and a label that cannot be is on no pod.
 */
export function readPeerAuthentication(object: Fields): PeerAuthenticationObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  const selector = readSelector(spec)
  const mtls = spec.map('mtls')
  if (!mtls.has('mode')) mtls.problem('is required: STRICT or PERMISSIVE', 'mode')
  const mode = mtls.oneOf('mode', ['STRICT', 'PERMISSIVE'])
  for (const part of [object, spec, mtls]) part.refuseUnknown()
  return {
    kind: 'PeerAuthentication',
    meta,
    selector,
    mode: mode ?? 'STRICT',
  }
}
