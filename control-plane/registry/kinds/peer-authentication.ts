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

// Kubernetes' syntax of label keys and values ("Labels and Selectors", apimachinery's IsQualifiedName, IsValidLabelValue).
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const MOST_LABELS = 64

/**
 * Strict, as the definition is that the API server holds (deploy/chart/crds): an unknown field may narrow what its author
 * meant to allow, a selector without labels would mean the whole namespace, and a label that cannot be is on no pod.
 */
export function readPeerAuthentication(object: Fields): PeerAuthenticationObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  const selector = spec.optionalMap('selector')
  const matchLabels = selector && labelsOf(selector)
  const mtls = spec.map('mtls')
  if (!mtls.has('mode')) mtls.problem('is required: STRICT or PERMISSIVE', 'mode')
  const mode = mtls.oneOf('mode', ['STRICT', 'PERMISSIVE'])
  for (const part of [object, spec, mtls, ...(selector ? [selector] : [])]) part.refuseUnknown()
  return {
    kind: 'PeerAuthentication',
    meta,
    selector: matchLabels,
    mode: mode ?? 'STRICT',
  }
}

function labelsOf(selector: Fields): Readonly<Record<string, string>> {
  const labels = selector.stringMap('matchLabels')
  const entries = Object.entries(labels)
  if (entries.length === 0)
    selector.problem('needs a label; for all pods of the namespace leave the selector out', 'matchLabels')
  if (entries.length > MOST_LABELS)
    selector.problem(`has ${entries.length} labels; at most ${MOST_LABELS}`, 'matchLabels')
  for (const [key, value] of entries) {
    const [name = '', domain, ...more] = key.split('/').reverse()
    if (!NAME.test(name) || (domain !== undefined && !DOMAIN.test(domain)) || more.length > 0)
      selector.problem(
        `has the key "${key}": it must be a label's name, such as app or example.com/app`,
        'matchLabels',
      )
    if (value !== '' && !NAME.test(value))
      selector.problem(
        `has the value "${value}" for ${key}: at most 63 letters, digits, "-", "_" and "." between letters or digits`,
        'matchLabels',
      )
  }
  return labels
}
