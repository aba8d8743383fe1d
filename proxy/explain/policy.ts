import type { AuthorizationRecord } from '../exchange/telemetry-sink.ts'
import type { Draft } from '../../core/explain/draft.ts'

/** What was decided of who may; undecided is let in. */
export function policyOf({ decision, policy }: AuthorizationRecord, reason: string): Draft['policy'] {
  return { decision: decision || 'allowed', rule: policy, reason }
}
