import t from 'tap'
import { parseManifests } from '../../parse-manifests.ts'
import type { AuthorizationPolicyObject } from './policy.ts'
import { policyText, READ_ONLY, REFUSED, TAKEN } from './testing/specs.ts'

const read = (spec: unknown) => {
  const { objects, errors } = parseManifests('policy.yaml', policyText(spec))
  const [found] = objects
  const policy = found?.object.kind === 'AuthorizationPolicy' ? found.object : undefined
  return { policy, errors: errors.map(({ field, message, remedy = '' }) => `${field} ${message}; ${remedy}`) }
}

t.test('what is wrong is told at its place, and stands for a policy that refuses everything', (t) => {
  for (const [spec, message] of [...REFUSED, ...READ_ONLY]) {
    const { policy, errors } = read(spec)
    t.ok(
      errors.some((error) => message.test(error)),
      `${JSON.stringify(spec)}: ${errors.join('; ')}`,
    )
    const auditing = (spec as { action?: unknown } | undefined)?.action === 'AUDIT'
    t.match(policy, { unreadable: true, action: auditing ? 'AUDIT' : 'DENY' }, JSON.stringify(spec))
    t.same(policy?.rules, auditing ? [] : [{ from: [], to: [], when: [] }])
  }
  t.end()
})

t.test('what is right is taken', (t) => {
  for (const [name, spec] of Object.entries(TAKEN)) {
    const { policy, errors } = read(spec)
    t.same(errors, [], name)
    t.equal(policy?.unreadable, false, name)
  }
  t.end()
})

t.test('a list that is there with nothing in it is not one that is left out', (t) => {
  const place = (spec: string) =>
    parseManifests(
      'policy.yaml',
      `{ apiVersion: weft.dev/v1alpha1, kind: AuthorizationPolicy, metadata: { name: a }, spec: ${spec} }`,
    ).errors.map(({ field }) => field)
  t.same(place('{ rules: null }'), ['spec.rules'])
  t.same(place('{ selector: null }'), ['spec.selector'])
  t.same(place('{ rules: [{ from: null }] }'), ['spec.rules[0].from'])
  t.same(place('{ rules: [{ from: [{ source: { principals: null, namespaces: [a] } }] }] }'), [
    'spec.rules[0].from[0].source.principals',
  ])
  t.same(place('{ rules: [{ to: [{ operation: { grpc: [{ service: a.B, method: null }] } }] }] }'), [
    'spec.rules[0].to[0].operation.grpc[0].method',
  ])
  t.end()
})

t.test('one that cannot be read is for whom it says, and for its namespace where that is wrong', (t) => {
  const stand = (spec: object): Partial<AuthorizationPolicyObject> => {
    const { targetRefs, selector, mode } = read(spec).policy ?? {}
    return { ...(targetRefs ? { targetRefs } : {}), selector, ...(mode ? { mode } : {}) }
  }
  const selector = { matchLabels: { app: 'pay' } }
  t.same(stand({ selector, rules: [], mode: 'DryRun' }), {
    targetRefs: [],
    selector: { app: 'pay' },
    mode: 'DryRun',
  })
  const service = { group: '', kind: 'Service', name: 'pay' }
  t.same(stand({ targetRefs: [service], rules: [] }), {
    targetRefs: [service],
    selector: undefined,
    mode: 'Enforce',
  })
  t.same(stand({ targetRefs: [{ kind: 'Service' }], rules: [{}] }), {
    targetRefs: [{ group: '', kind: 'Namespace', name: 'default' }],
    selector: undefined,
    mode: 'Enforce',
  })
  t.end()
})

t.test("one whose name or namespace is wrong is nobody's", (t) => {
  const { objects, errors } = parseManifests('policy.yaml', policyText({}, 'policy', 'No'))
  t.match(errors, [{ field: 'metadata.namespace' }])
  t.same(objects, [])
  t.end()
})
