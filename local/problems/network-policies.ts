import { GRPC_PORT, INJECT_LABEL, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import type { Problem } from '../../core/problem.ts'
import type { NetworkPolicy, PolicyPort, PolicyRule } from '../network/policy/network-policy.ts'
import { mapOf, problemOf, textOf, type CheckedObject } from './checked.ts'
import { podTemplateOf, textsOf, type PodTemplate } from './pod-templates.ts'

const SYSTEM_LABELS = { 'kubernetes.io/metadata.name': SYSTEM_NAMESPACE }
const DNS_PORT = 53

interface WrittenPolicy {
  readonly object: CheckedObject
  readonly policy: NetworkPolicy
}

/** NetworkPolicies that select nothing, and those that keep sidecars from what they need. */
export function networkPolicyProblems(objects: readonly CheckedObject[]): Problem[] {
  const policies = objects.flatMap((object): WrittenPolicy[] =>
    object.parsed?.kind === 'NetworkPolicy' ? [{ object, policy: object.parsed.object }] : [],
  )
  if (policies.length === 0) return []
  const templates = objects.flatMap((object) => podTemplateOf(object) ?? [])
  const meshed = templates.filter(meshedIn(objects))
  return policies.flatMap(({ object, policy }) => [
    ...selectionProblems(object, policy, templates),
    ...reachProblems(object, policy, meshed, policies),
  ])
}

function selectionProblems(
  object: CheckedObject,
  policy: NetworkPolicy,
  templates: readonly PodTemplate[],
): Problem[] {
  if (policy.pods.selectsAll || templates.some((template) => selects(policy, template))) return []
  const message = `isolates no pod: none of namespace ${policy.namespace} has such labels`
  const remedy = 'write the labels of the pods that it is for'
  return [problemOf(object, 'WEFT0320', 'spec.podSelector', 'warning', message, remedy)]
}

/** Told of the policy that closes the way, by the pods of one workload. */
function reachProblems(
  object: CheckedObject,
  policy: NetworkPolicy,
  meshed: readonly PodTemplate[],
  all: readonly WrittenPolicy[],
): Problem[] {
  if (!policy.egress) return []
  const cut = meshed.find((template) => {
    if (!selects(policy, template)) return false
    const rules = all.flatMap((one) => (selects(one.policy, template) ? (one.policy.egress ?? []) : []))
    return !rules.some(leadsToControlPlane) || !rules.some(leadsToNames)
  })
  if (!cut) return []
  const { kind, name } = cut.object
  const message = `closes the egress of pods with a sidecar (${kind} ${name}), and no policy leads to names (UDP 53) and to the control plane (TCP ${GRPC_PORT} of ${SYSTEM_NAMESPACE})`
  const remedy = `add egress to port 53, UDP, and to namespaceSelector kubernetes.io/metadata.name: ${SYSTEM_NAMESPACE}, port ${GRPC_PORT}`
  return [problemOf(object, 'WEFT0321', 'spec.egress', 'warning', message, remedy)]
}

function leadsToControlPlane({ peers, ports }: PolicyRule): boolean {
  const there =
    peers?.some((peer) => peer.type === 'block' || (peer.namespaces?.matches(SYSTEM_LABELS) ?? false)) ?? true
  return there && leadsTo(ports, 'TCP', GRPC_PORT)
}

function leadsToNames({ ports }: PolicyRule): boolean {
  return leadsTo(ports, 'UDP', DNS_PORT)
}

/** A port by name may be any. */
function leadsTo(ports: readonly PolicyPort[] | undefined, protocol: string, number: number): boolean {
  return (
    ports?.some(
      ({ protocol: own, port }) =>
        own === protocol && (typeof port !== 'object' || (port.from <= number && number <= port.to)),
    ) ?? true
  )
}

function selects(policy: NetworkPolicy, { object, metadata }: PodTemplate): boolean {
  return object.namespace === policy.namespace && policy.pods.matches(textsOf(metadata['labels']))
}

/** Whether a pod will have a sidecar, as far as labels say. */
function meshedIn(objects: readonly CheckedObject[]): (template: PodTemplate) => boolean {
  const enabled = new Set(
    objects.flatMap(({ kind, name, raw }) =>
      kind === 'Namespace' && textOf(mapOf(mapOf(raw['metadata'])['labels'])[INJECT_LABEL]) === 'enabled'
        ? [name]
        : [],
    ),
  )
  return ({ object, metadata }) => {
    const own = textsOf(metadata['labels'])[INJECT_LABEL]
    return own === 'enabled' || (own !== 'disabled' && enabled.has(object.namespace))
  }
}
