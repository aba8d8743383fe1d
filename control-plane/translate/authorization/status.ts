import { CONTROLLER_NAME } from '../../../core/contract.ts'
import type { RuleSource } from '../../model/authorization.ts'
import type { Workload, WorkloadPort } from '../../model/mesh.ts'
import type { PolicyProblem } from '../../model/policy-problem.ts'
import type { AncestorStatus, PolicyCondition, PolicyStatus } from '../../model/policy-status.ts'
import { carriesHttp } from '../../model/protocol.ts'
import type { TargetProblem } from '../policy-targets.ts'
import type { PortCover } from './covers.ts'
import type { PolicyInForce } from './in-force.ts'

/** How many ports a message names. */
const NAMED = 8

interface Found {
  selected: boolean
  /** `shop/web:5432 (opaque)`, by the name of whoever made the pods, of ports where requests are not seen, or not always. */
  readonly unseen: Set<string>
  readonly fields: Set<string>
}

/** What each scope of each policy came to, told pod by pod. */
export class StatusFindings {
  readonly #found = new Map<PolicyInForce, Map<number, Found>>()

  add(workload: Workload, covers: readonly PortCover[]): void {
    for (const { port, policies } of covers) {
      for (const { inForce, scopes } of policies) {
        for (const at of scopes) {
          const found = this.of(inForce, at)
          found.selected = true
          if (port && seesNoRequests(port)) addUnseen(found, inForce, at, workload, port)
        }
      }
    }
  }

  of(inForce: PolicyInForce, scope: number): Found {
    const scopes = this.#found.get(inForce) ?? new Map<number, Found>()
    this.#found.set(inForce, scopes)
    const found = scopes.get(scope) ?? { selected: false, unseen: new Set(), fields: new Set() }
    scopes.set(scope, found)
    return found
  }
}

/** Of bytes, or of what only the first of them tell. */
function seesNoRequests({ protocol }: WorkloadPort): boolean {
  return protocol === 'auto' || !carriesHttp(protocol)
}

function addUnseen(
  found: Found,
  { rules, scopes }: PolicyInForce,
  scope: number,
  workload: Workload,
  { port, protocol }: WorkloadPort,
): void {
  const needing = rules.needingHttp.filter(({ ports }) => ports?.has(port) ?? true)
  const ofRoute = scopes[scope]?.route !== undefined
  if (needing.length === 0 && !ofRoute) return
  for (const { fields } of needing) for (const field of fields) found.fields.add(field)
  if (ofRoute) found.fields.add('spec.targetRefs')
  found.unseen.add(
    `${workload.namespace}/${workload.service}:${port} (${protocol === 'auto' ? 'not declared' : protocol})`,
  )
}

/** What is told of policies: in their status, and as problems with remedies. */
export function statusOfPolicies(
  policies: readonly PolicyInForce[],
  findings: StatusFindings,
): { readonly status: readonly PolicyStatus[]; readonly problems: readonly PolicyProblem[] } {
  const problems: PolicyProblem[] = []
  const status = policies.map((inForce): PolicyStatus => {
    const { policy, problems: wrong } = inForce
    const { kind, meta, targetRefs } = policy
    const { namespace, name, generation } = meta
    const told = (ref: AncestorStatus['ancestorRef'], findings: readonly Finding[]): AncestorStatus => {
      for (const finding of findings)
        for (const problem of finding.problems) problems.push({ kind, namespace, name, ...problem })
      const conditions = findings.map(({ condition }) => ({ ...condition, observedGeneration: generation }))
      return { ancestorRef: ref, controllerName: CONTROLLER_NAME, conditions }
    }
    let scope = 0
    const ancestors = targetRefs.map(({ group, kind: of, name: target }, at) => {
      const ref = { group, kind: of, ...(of === 'Namespace' ? {} : { namespace }), name: target }
      const field = `spec.targetRefs[${at}]`
      const problem = wrong[at]
      return told(ref, problem ? [refused(problem, field)] : findingsOf(inForce, scope++, findings, field))
    })
    const own = { group: '', kind: 'Namespace', name: namespace }
    return {
      kind,
      namespace,
      name,
      ancestors: targetRefs.length > 0 ? ancestors : [told(own, findingsOf(inForce, 0, findings, 'spec'))],
    }
  })
  return { status, problems }
}

type Told = Omit<PolicyProblem, 'kind' | 'namespace' | 'name'>

/** A condition, and what somebody should do about it. */
interface Finding {
  readonly condition: Omit<PolicyCondition, 'observedGeneration'>
  readonly problems: readonly Told[]
}

function refused(problem: TargetProblem, field: string): Finding {
  const { reason, message } = problem
  return {
    condition: { type: 'Accepted', status: 'False', reason, message },
    problems: [{ ...problem, field: `${field}${problem.field}` }],
  }
}

function findingsOf(
  inForce: PolicyInForce,
  scope: number,
  findings: StatusFindings,
  field: string,
): readonly Finding[] {
  const { policy, scopes, dryRun } = inForce
  const found = findings.of(inForce, scope)
  const partly = partial(inForce, scope, found, field)
  if (policy.unreadable) {
    const message =
      policy.action === 'AUDIT'
        ? 'it cannot be read, and audits nothing'
        : 'it cannot be read: whatever it is for is refused everything'
    // Which field is wrong, the reader has told.
    return [{ condition: { type: 'Accepted', status: 'False', reason: 'Invalid', message }, problems: [] }]
  }
  if (!found.selected) return [nothingSelected(scopes[scope]?.level, field), ...partly]
  const message = dryRun ? 'tried out: it decides and is told, and refuses nobody' : 'in force'
  const condition = { type: 'Accepted', status: 'True' as const, reason: 'Accepted', message }
  return [{ condition, problems: [] }, ...partly]
}

function nothingSelected(level: RuleSource['level'] | undefined, field: string): Finding {
  const message =
    level === 'selector'
      ? 'no pod with a sidecar has these labels'
      : level === 'HTTPRoute' || level === 'GRPCRoute'
        ? 'the route leads to no pod with a sidecar of this namespace'
        : level === 'Service'
          ? 'the Service selects no pod with a sidecar'
          : 'there is no pod with a sidecar'
  const reason = 'NothingSelected'
  return {
    condition: { type: 'Accepted', status: 'True', reason, message },
    problems: [
      {
        reason,
        field: level === 'selector' ? 'spec.selector.matchLabels' : field,
        message,
        remedy: 'correct what it is for, or wait for the pods; a pod needs a sidecar to be protected',
        effect: 'It protects nothing, for now.',
      },
    ],
  }
}

/** Where a policy does not do all that it says. */
function partial(
  { policy, scopes }: PolicyInForce,
  scope: number,
  { unseen, fields }: Found,
  field: string,
): readonly Finding[] {
  const elsewhere = scopes[scope]?.route?.elsewhere ?? []
  const findings: Told[] = []
  if (unseen.size > 0 && !policy.unreadable) {
    const effect =
      policy.action === 'ALLOW'
        ? 'Where no requests are seen, these rules allow nothing.'
        : `Where no requests are seen, these conditions are left out, so that more is ${policy.action === 'DENY' ? 'denied' : 'audited'}.`
    findings.push({
      reason: 'HttpFieldsOnTcpPort',
      field: [...fields][0] ?? field,
      message: `${[...fields].join(', ')} speak of requests, which are not seen at ${named([...unseen])}`,
      remedy:
        'declare the port as HTTP (its name, or appProtocol, in the Service), or name the HTTP ports in to.operation.ports',
      effect,
    })
  }
  if (elsewhere.length > 0)
    findings.push({
      reason: 'OtherNamespace',
      field: `${field}.name`,
      message: `the route leads to ${named(elsewhere)}, whose pods a policy of this namespace does not reach`,
      remedy: 'write a policy for them in their own namespace',
      effect: 'There, requests of the route are treated as if the policy did not exist.',
    })
  const [first] = findings
  if (!first) return []
  const message = findings.map((one) => `${one.message}. ${one.effect ?? ''}`).join(' ')
  return [
    {
      condition: { type: 'PartiallyApplied', status: 'True', reason: first.reason, message },
      problems: findings,
    },
  ]
}

function named(all: readonly string[]): string {
  const shown = all.slice(0, NAMED).join(', ')
  return all.length > NAMED ? `${shown} and ${all.length - NAMED} more` : shown
}
