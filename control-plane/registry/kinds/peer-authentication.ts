import type { Fields } from '../fields.ts'
import { readMeta, type Meta } from './meta.ts'

/** weft.dev/v1alpha1 PeerAuthentication: which connections the pods of a namespace take. */
export interface PeerAuthenticationObject {
  readonly kind: 'PeerAuthentication'
  readonly meta: Meta
  /** Undefined: the whole namespace. */
  readonly selector: Readonly<Record<string, string>> | undefined
  readonly mode: 'STRICT' | 'PERMISSIVE'
}

/** Strict: an unknown field may narrow what its author meant to allow. */
export function readPeerAuthentication(object: Fields): PeerAuthenticationObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  const selector = spec.optionalMap('selector')
  const matchLabels = selector?.stringMap('matchLabels')
  const mtls = spec.map('mtls')
  if (!mtls.has('mode')) mtls.problem('is required: STRICT or PERMISSIVE', 'mode')
  const mode = mtls.oneOf('mode', ['STRICT', 'PERMISSIVE'])
  for (const part of [object, spec, mtls, ...(selector ? [selector] : [])]) part.refuseUnknown()
  const empty = !matchLabels || Object.keys(matchLabels).length === 0
  return {
    kind: 'PeerAuthentication',
    meta,
    selector: empty ? undefined : matchLabels,
    mode: mode ?? 'STRICT',
  }
}
