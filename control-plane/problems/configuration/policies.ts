import type { Problem } from '../../../core/problem.ts'
import { decisionOf } from '../../model/mesh-policy.ts'
import type { AuthorizationPolicyObject } from '../../registry/kinds/authorization-policy/policy.ts'
import { podMtls } from '../../translate/peer-authentications.ts'
import { findingOf, nameOf, type CheckedMesh, type CheckedPod } from './checked-mesh.ts'
import { podsWith, selectedPods } from './selected-pods.ts'

/** What is odd about policies: whom they are for, and what they do there. */
export function policyFindings(checked: CheckedMesh): Problem[] {
  const { snapshot } = checked
  return [
    ...nothingSelected(checked),
    ...rivals(checked),
    ...[...snapshot.authorizationPolicies.values()].flatMap((policy) => [
      ...nobodyAllowed(policy),
      ...dryRun(policy, checked),
      ...plaintextDetour(policy, checked),
      ...strangePorts(policy, checked),
    ]),
    ...namespaceDefaults(checked),
  ]
}

function nothingSelected({ snapshot, pods }: CheckedMesh): Problem[] {
  const policies = [
    ...snapshot.peerAuthentications.values(),
    ...snapshot.authorizationPolicies.values(),
    ...snapshot.requestAuthentications.values(),
  ]
  return policies.flatMap((policy) => {
    const { selector, meta } = policy
    if (!selector || podsWith(meta.namespace, selector, pods).length > 0) return []
    const labels = Object.entries(selector).map(([key, value]) => `${key}: ${value}`)
    return [
      findingOf('WEFT0305', nameOf(policy), 'spec.selector.matchLabels', {
        message: `is for no pod: none has ${labels.join(', ')} in namespace ${meta.namespace}`,
        remedy: 'give pods these labels, or select by labels that pods have',
      }),
    ]
  })
}

/** PeerAuthentications of one scope. */
function rivals({ snapshot }: CheckedMesh): Problem[] {
  const first = new Map<string, string>()
  const inOrder = [...snapshot.peerAuthentications.values()].toSorted(
    (a, b) => a.meta.createdAt - b.meta.createdAt || (a.meta.name < b.meta.name ? -1 : 1),
  )
  return inOrder.flatMap((policy) => {
    const { meta, selector } = policy
    const scope = JSON.stringify([
      meta.namespace,
      Object.entries(selector ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ])
    const other = first.get(scope)
    if (other === undefined) {
      first.set(scope, meta.name)
      return []
    }
    const what = selector ? 'selects the same pods' : `is for all of namespace ${meta.namespace}`
    return [
      findingOf('WEFT0315', nameOf(policy), selector ? 'spec.selector' : 'spec', {
        message: `${what}, as PeerAuthentication ${other} ${selector ? 'does' : 'is'}: STRICT of either holds`,
        remedy: 'keep one of the two',
      }),
    ]
  })
}

function nobodyAllowed(policy: AuthorizationPolicyObject): Problem[] {
  if (policy.action !== 'ALLOW' || policy.rules !== undefined || policy.unreadable) return []
  const message = 'has no rules, and so lets nobody in who is not allowed by another policy'
  const remedy = 'add rules for those who may; if nobody may, nothing is to be done'
  return [findingOf('WEFT0314', nameOf(policy), 'spec', { message, remedy })]
}

function dryRun(policy: AuthorizationPolicyObject, { mesh }: CheckedMesh): Problem[] {
  const { dryRunNamespaces } = mesh.authorization.settings
  const byMesh = dryRunNamespaces.includes(policy.meta.namespace)
  if (policy.action === 'AUDIT' || (policy.mode !== 'DryRun' && !byMesh)) return []
  const field = policy.mode === 'DryRun' ? 'spec.mode' : 'spec'
  const why = policy.mode === 'DryRun' ? 'is DryRun' : "is in one of the MeshPolicy's dryRunNamespaces"
  const message = `${why}: it refuses nobody, and what it would refuse is told`
  const remedy =
    policy.mode === 'DryRun'
      ? 'write mode: Enforce once it refuses what it should'
      : 'take the namespace out of dryRunNamespaces once it refuses what it should'
  return [findingOf('WEFT0319', nameOf(policy), field, { message, remedy })]
}

/** DENY by identity where plaintext is taken: without a certificate nobody has one. */
function plaintextDetour(policy: AuthorizationPolicyObject, checked: CheckedMesh): Problem[] {
  if (policy.action !== 'DENY' || policy.unreadable) return []
  const index = (policy.rules ?? []).findIndex(({ from }) =>
    from.some(({ principals, namespaces, serviceAccounts }) =>
      [principals, namespaces, serviceAccounts].some((one) => (one?.values.length ?? 0) > 0),
    ),
  )
  if (index < 0) return []
  const open = targetsOf(policy, checked).filter((pod) => takesPlaintext(pod, checked))
  if (open.length === 0) return []
  const names = [...new Set(open.map(({ maker }) => `${maker.kind} ${maker.name}`))].slice(0, 3).join(', ')
  return [
    findingOf('WEFT0316', nameOf(policy), `spec.rules[${index}].from`, {
      message: `refuses callers by identity, and ${names} takes plaintext, where callers have none`,
      remedy: 'make the pods STRICT by a PeerAuthentication, or allow those who may, with action ALLOW',
      effect: 'The same caller gets in without its certificate.',
    }),
  ]
}

function takesPlaintext(pod: CheckedPod, { snapshot, mesh }: CheckedMesh): boolean {
  if (!pod.meshed) return false
  const policies = [...snapshot.peerAuthentications.values()].filter(
    ({ meta }) => meta.namespace === pod.meta.namespace,
  )
  return podMtls(pod, policies, mesh.authorization.settings).all.value === 'PERMISSIVE'
}

/** Pods that a policy is for, as far as its selector or Services tell. */
function targetsOf(
  policy: AuthorizationPolicyObject,
  { snapshot, pods }: CheckedMesh,
): readonly CheckedPod[] {
  const { namespace } = policy.meta
  if (policy.selector) return podsWith(namespace, policy.selector, pods)
  const services = policy.targetRefs.filter(({ kind }) => kind === 'Service')
  if (policy.targetRefs.length === 0 || policy.targetRefs.some(({ kind }) => kind === 'Namespace'))
    return podsWith(namespace, undefined, pods)
  return services.flatMap(({ name }) => {
    const service = snapshot.services.get(`${namespace}/${name}`)
    return service ? selectedPods(service, pods) : []
  })
}

function strangePorts(policy: AuthorizationPolicyObject, checked: CheckedMesh): Problem[] {
  const targets = targetsOf(policy, checked)
  const declared = targets.filter(({ ports }) => ports.length > 0)
  // A pod that declares none may listen anywhere.
  if (targets.length === 0 || declared.length < targets.length) return []
  const known = new Set(declared.flatMap(({ ports }) => ports.map(({ port }) => port)))
  const listed = [...known].toSorted((a, b) => a - b).slice(0, 5)
  return (policy.rules ?? []).flatMap(({ to }, rule) =>
    to.flatMap(({ ports }, at) =>
      (ports?.values ?? []).flatMap((port, index) => {
        if (known.has(port)) return []
        const field = `spec.rules[${rule}].to[${at}].operation.ports[${index}]`
        return [
          findingOf('WEFT0318', nameOf(policy), field, {
            message: `none of the pods that it is for declares port ${port}: they declare ${listed.join(', ')}`,
            remedy: 'write the port of the pod (targetPort of its Service)',
          }),
        ]
      }),
    ),
  )
}

/** Namespaces that nobody may call for want of a policy, and those that anybody may. */
function namespaceDefaults({ snapshot, mesh, pods }: CheckedMesh): Problem[] {
  const { settings } = mesh.authorization
  const policies = [...snapshot.authorizationPolicies.values()]
  const meshed = new Set(pods.filter((pod) => pod.meshed).map(({ meta }) => meta.namespace))
  // Those of the installation's namespace that name no pods are for the whole mesh.
  const system = [...snapshot.meshPolicies.values()].map(({ meta }) => meta.namespace)
  return [...meshed].toSorted().flatMap((name) => {
    const own = policies.filter(({ meta }) => meta.namespace === name || system.includes(meta.namespace))
    const decision = decisionOf(settings, name)
    const of = { kind: 'Namespace', namespace: '', name }
    if (decision.value === 'Deny' && !own.some(({ action }) => action === 'ALLOW'))
      return [
        findingOf('WEFT0313', of, '', {
          message: `what no policy allows is refused there (${decision.from}), and there is no policy of ALLOW`,
          remedy:
            'write an AuthorizationPolicy with action ALLOW; weft policy suggest writes one from what was seen',
          effect: 'Every request to its pods is refused.',
        }),
      ]
    if (decision.value !== 'Allow' || own.length > 0) return []
    return [
      findingOf('WEFT0317', of, '', {
        message: 'anybody who reaches its pods may call them: there is no AuthorizationPolicy',
        remedy: 'let weft policy suggest write policies from what was seen',
      }),
    ]
  })
}
