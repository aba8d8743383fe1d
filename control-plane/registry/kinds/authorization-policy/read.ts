import type { Fields } from '../../fields.ts'
import { readSelector } from '../label-selector.ts'
import { DNS_NAME, readMeta } from '../meta.ts'
import { readCondition } from './condition.ts'
import { readOperation } from './operation.ts'
import type { AuthorizationPolicyObject, PolicyRule, TargetRef } from './policy.ts'
import { readSource } from './source.ts'
import { readFilled } from './values.ts'

const ROUTE_GROUP = 'gateway.networking.k8s.io'
const GROUPS: Readonly<Record<TargetRef['kind'], string>> = {
  Service: '',
  Namespace: '',
  HTTPRoute: ROUTE_GROUP,
  GRPCRoute: ROUTE_GROUP,
}
const KINDS = Object.keys(GROUPS) as TargetRef['kind'][]
const MOST_TARGETS = 16
const MOST_RULES = 64
/** Entries of `from`, `to` and `when`. */
const MOST_ENTRIES = 16
const MATCHES_ALL: PolicyRule = { from: [], to: [], when: [] }

/**
 * Strict, as the definition is that the API server holds (deploy/chart/crds): a field that is not known may narrow what its
 * author meant to allow. With a problem the policy comes back all the same, `unreadable`: for whom it says, or
 * its whole namespace where that is wrong.
 */
export function readAuthorizationPolicy(object: Fields): AuthorizationPolicyObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  // An empty spec selects the whole namespace and allows nothing: Istio's well-known way to say so.
  if (!object.has('spec'))
    object.problemWith('add it; spec: {} allows nothing in the namespace', 'is required', 'spec')
  const spec = object.map('spec')
  const before = object.problems
  const targetRefs = readTargets(spec)
  const selector = readSelector(spec)
  if (spec.has('selector') && spec.has('targetRefs'))
    spec.problemWith('write one of the two', 'does not go with selector', 'targetRefs')
  const saidWell = object.problems === before
  const action = spec.oneOf('action', ['ALLOW', 'DENY', 'AUDIT'])
  const mode = spec.oneOf('mode', ['Enforce', 'DryRun'])
  const appliesToSelf = spec.boolean('appliesToSelf') ?? false
  const rules = spec.has('rules') ? readRules(spec) : undefined
  spec.skip('rules')
  if (!spec.has('rules') && action !== undefined && action !== 'ALLOW')
    spec.problemWith('add rules; [{}] matches everything', `is required with ${action}`, 'rules')
  spec.refuseUnknown({ nulls: true })
  object.refuseUnknown({ nulls: true })
  const unreadable = object.problems > 0
  return {
    kind: 'AuthorizationPolicy',
    meta,
    targetRefs: saidWell ? targetRefs : [{ group: '', kind: 'Namespace', name: meta.namespace }],
    selector: saidWell ? selector : undefined,
    // What nobody can read is refused everything, unless it surely was to refuse nothing.
    action: unreadable && action !== 'AUDIT' ? 'DENY' : (action ?? 'ALLOW'),
    mode: mode ?? 'Enforce',
    appliesToSelf,
    rules: unreadable ? (action === 'AUDIT' ? [] : [MATCHES_ALL]) : rules,
    unreadable,
  }
}

function readTargets(spec: Fields): readonly TargetRef[] {
  const seen = new Set<string>()
  return readFilled(
    spec,
    'targetRefs',
    () =>
      spec.list('targetRefs', (ref) => {
        if (!ref.has('kind')) ref.problem(`is required: one of ${KINDS.join(', ')}`, 'kind')
        const kind = ref.oneOf('kind', KINDS) ?? 'Service'
        const group = ref.text('group') ?? ''
        const name = ref.requiredText('name', DNS_NAME)
        if (ref.has('kind') && group !== GROUPS[kind])
          ref.problem(`must be ${JSON.stringify(GROUPS[kind])} for kind ${kind}`, 'group')
        ref.refuseUnknown({ nulls: true })
        if (seen.has(`${kind} ${name}`)) ref.problem(`names ${kind} ${name} a second time`)
        seen.add(`${kind} ${name}`)
        return { group, kind, name }
      }),
    MOST_TARGETS,
  )
}

function readRules(spec: Fields): readonly PolicyRule[] {
  return readFilled(
    spec,
    'rules',
    () =>
      spec.list('rules', (rule) => {
        const entries = <T>(name: string, read: (entry: Fields) => T): readonly T[] =>
          readFilled(rule, name, () => rule.list(name, read), MOST_ENTRIES)
        const all = {
          from: entries('from', readSource),
          to: entries('to', readOperation),
          when: entries('when', readCondition),
        }
        rule.refuseUnknown({ nulls: true })
        return all
      }),
    MOST_RULES,
  )
}
