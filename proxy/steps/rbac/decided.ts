import type { Decision } from '../../../core/authorization/evaluate.ts'
import type { Matcher, Stage } from '../../../core/authorization/rules.ts'
import type { AuthorizationRecord, DecisionName, TelemetrySink } from '../../exchange/telemetry-sink.ts'
import type { RequestHead } from '../../http/message.ts'
import type { Audit } from '../step.ts'

const WEIGHT: Readonly<Record<DecisionName, number>> = {
  '': 0,
  allowed: 1,
  audited: 2,
  'dry-run-denied': 3,
  denied: 4,
}

/** What stands for the rule where nothing allowed. */
const NO_RULE = 'none'

/** Notes in the record what one stage decided. `head`: of the request whose reference it gets; undefined: a connection. */
export function noteDecision(
  record: AuthorizationRecord,
  decision: Decision,
  audit: Audit,
  telemetry: Pick<TelemetrySink, 'reference'>,
  head: RequestHead | undefined,
): void {
  const { allowed, action, rule, audited, shadow } = decision
  if (action !== undefined) note(record, allowed ? 'allowed' : 'denied', rule)
  if (audited.length > 0) note(record, 'audited', audited[0] as string)
  if (allowed && shadow?.allowed === false) note(record, 'dry-run-denied', shadow.rule)
  const denied = record.decision === 'denied' || record.decision === 'dry-run-denied'
  if (denied && record.reference === '') record.reference = telemetry.reference(head)
  if (audited.length > 0 || (audit === 'All' && record.decision !== '') || (audit === 'Denied' && denied))
    record.logged = true
}

function note(record: AuthorizationRecord, decision: DecisionName, rule: string): void {
  if (WEIGHT[decision] <= WEIGHT[record.decision]) return
  record.decision = decision
  record.policy = rule === '' ? NO_RULE : rule
}

/** Envoy's code details of a request, and connection termination details. */
export function deniedDetails(rule: string): string {
  return `rbac_access_denied_matched_policy[${rule === '' ? NO_RULE : rule}]`
}

/** Whether any rule of the stage asks for a field of a request. */
export function asksForFields({ enforced = [], shadow = [] }: Stage): boolean {
  return [...enforced, ...shadow].some(({ permissions, principals }) =>
    [...permissions, ...principals].some(holdsField),
  )
}

function holdsField(matcher: Matcher): boolean {
  if (matcher.kind === 'not') return holdsField(matcher.of)
  if (matcher.kind === 'and' || matcher.kind === 'or') return matcher.of.some(holdsField)
  return matcher.kind === 'header'
}
