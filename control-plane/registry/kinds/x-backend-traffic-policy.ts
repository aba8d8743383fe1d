import type { RetryBudget } from '../../model/traffic-settings.ts'
import type { Fields } from '../fields.ts'
import { readDurationWithin } from './duration.ts'
import { DNS_NAME, readMeta, type Meta } from './meta.ts'
import { readSessionPersistence, type SessionPersistence } from './session-persistence.ts'

/** gateway.networking.x-k8s.io/v1alpha1 XBackendTrafficPolicy (GEP-3388, GEP-1619): for Services of its namespace. */
export interface XBackendTrafficPolicyObject {
  readonly kind: 'XBackendTrafficPolicy'
  readonly meta: Meta
  readonly targetRefs: readonly { readonly group: string; readonly kind: string; readonly name: string }[]
  readonly retryBudget: RetryBudget | undefined
  readonly sessionPersistence: SessionPersistence | undefined
  /** Values that the mesh does not carry out: the field's path, and what is done. */
  readonly unsupported: readonly {
    readonly field: string
    readonly message: string
    readonly remedy: string
  }[]
}

/** What the API server fills in where nothing is said. */
const PERCENT = 20
const BUDGET_INTERVAL_MS = 10_000
const MINIMUM = 10
const MINIMUM_INTERVAL_MS = 1000
const MOST_TARGETS = 16

type Unsupported = XBackendTrafficPolicyObject['unsupported'][number]

export function readXBackendTrafficPolicy(object: Fields): XBackendTrafficPolicyObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  if (!object.has('spec')) object.problem('is required', 'spec')
  const spec = object.map('spec')
  if (object.has('spec') && !spec.has('targetRefs'))
    spec.problem('is required: what the policy is for', 'targetRefs')
  const targetRefs = spec.list('targetRefs', (ref) => {
    const target = {
      group: ref.text('group') ?? '',
      kind: ref.requiredText('kind'),
      name: ref.requiredText('name', DNS_NAME),
    }
    ref.refuseUnknown()
    return target
  })
  if (targetRefs.length > MOST_TARGETS) spec.problem(`may hold ${MOST_TARGETS} targets`, 'targetRefs')
  const constraint = spec.optionalMap('retryConstraint')
  const session = spec.optionalMap('sessionPersistence')
  const unsupported: Unsupported[] = []
  const result = {
    kind: 'XBackendTrafficPolicy' as const,
    meta,
    targetRefs,
    retryBudget: constraint && readConstraint(constraint, unsupported),
    sessionPersistence: session && readSessionPersistence(session),
    unsupported,
  }
  spec.refuseUnknown()
  object.refuseUnknown()
  return result
}

function readConstraint(constraint: Fields, unsupported: Unsupported[]): RetryBudget {
  const budget = constraint.map('budget')
  const percent = budget.integer('percent', 0, 100) ?? PERCENT
  const intervalMs = readDurationWithin(budget, 'interval', '1s', '1h') ?? BUDGET_INTERVAL_MS
  if (intervalMs !== BUDGET_INTERVAL_MS) {
    unsupported.push({
      field: 'spec.retryConstraint.budget.interval',
      message: 'a retry budget is counted over 10s, and over no other time',
      remedy: 'write interval: 10s, or leave it out',
    })
  }
  budget.refuseUnknown()
  const rate = constraint.map('minRetryRate')
  const count = rate.integer('count', 1, 1_000_000) ?? MINIMUM
  const perMs = readDurationWithin(rate, 'interval', '1ms', '1h') ?? MINIMUM_INTERVAL_MS
  rate.refuseUnknown()
  const minimumPerSecond = (count * 1000) / perMs
  if (!Number.isInteger(minimumPerSecond)) {
    unsupported.push({
      field: 'spec.retryConstraint.minRetryRate',
      message: `${count} in ${perMs / 1000} s is no whole number a second`,
      remedy: 'write a whole number of retries for interval: 1s',
    })
  }
  constraint.refuseUnknown()
  return { percent, minimumPerSecond }
}
