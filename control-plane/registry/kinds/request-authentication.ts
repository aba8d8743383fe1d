import type { TokenRule } from '../../model/token-rule.ts'
import type { Fields } from '../fields.ts'
import { readFilled } from './authorization-policy/values.ts'
import { readSelector, type Labels } from './label-selector.ts'
import { DNS_NAME, readMeta, type Meta } from './meta.ts'
import { readTokenRules } from './token-rules.ts'

/** weft.dev/v1alpha1 RequestAuthentication: whose tokens requests to its pods may show. */
export interface RequestAuthenticationObject {
  readonly kind: 'RequestAuthentication'
  readonly meta: Meta
  /** Neither these nor a selector: the whole namespace. */
  readonly targetRefs: readonly TokenTarget[]
  readonly selector: Labels | undefined
  readonly rules: readonly TokenRule[]
}

export interface TokenTarget {
  readonly group: ''
  readonly kind: 'Service' | 'Namespace'
  readonly name: string
}

const KINDS = ['Service', 'Namespace'] as const
const MOST_TARGETS = 16

/** Strict, as the definition is that the API server holds (deploy/chart/crds). */
export function readRequestAuthentication(object: Fields): RequestAuthenticationObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  if (!object.has('spec')) object.problem('is required', 'spec')
  const spec = object.map('spec')
  const targetRefs = readTargets(spec)
  const selector = readSelector(spec)
  if (spec.has('selector') && spec.has('targetRefs'))
    spec.problem('does not go with selector: write one of the two', 'targetRefs')
  const rules = readTokenRules(spec)
  spec.refuseUnknown({ nulls: true })
  object.refuseUnknown({ nulls: true })
  return { kind: 'RequestAuthentication', meta, targetRefs, selector, rules }
}

function readTargets(spec: Fields): readonly TokenTarget[] {
  const seen = new Set<string>()
  const read = (ref: Fields): TokenTarget => {
    if (!ref.has('kind')) ref.problem(`is required: one of ${KINDS.join(', ')}`, 'kind')
    const kind = ref.oneOf('kind', KINDS) ?? 'Service'
    if ((ref.text('group') ?? '') !== '') ref.problem(`must be "" for kind ${kind}`, 'group')
    const name = ref.requiredText('name', DNS_NAME)
    ref.refuseUnknown({ nulls: true })
    if (seen.has(`${kind} ${name}`)) ref.problem(`names ${kind} ${name} a second time`)
    seen.add(`${kind} ${name}`)
    return { group: '', kind, name }
  }
  return readFilled(spec, 'targetRefs', () => spec.list('targetRefs', read), MOST_TARGETS)
}
