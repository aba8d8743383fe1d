import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { Json, JsonObject } from '../../../injector/json-patch.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { readConnectionPool } from './connection-pool.ts'
import { readLoadBalancer } from './load-balancer.ts'
import { readOutlierDetection } from './outlier-detection.ts'

/** `trafficPolicy` of a DestinationRule or a subset as sections of a TrafficPolicy. */
export function readTrafficPolicy(policy: Fields, notes: Notes): JsonObject {
  const balancer = policy.optionalMap('loadBalancer')
  const pool = policy.optionalMap('connectionPool')
  const outlier = policy.optionalMap('outlierDetection')
  const tls = policy.optionalMap('tls')
  const budget = policy.optionalMap('retryBudget')
  notes.withoutCounterpart(policy, {
    portLevelSettings: 'give the port a Service of its own: a TrafficPolicy is for a whole Service',
    tunnel: 'open the tunnel in the application',
    proxyProtocol: 'annotate the pods of the Service with weft.dev/proxy-protocol',
  })
  policy.refuseUnknown()
  const found = outlier && readOutlierDetection(outlier, notes)
  const loadBalancing: Record<string, Json> = { ...(balancer && readLoadBalancer(balancer, notes)) }
  if (found?.panicThresholdPercent !== undefined)
    loadBalancing['panicThresholdPercent'] = found.panicThresholdPercent
  if (tls) readTls(tls, notes)
  return withoutEmpty({
    loadBalancing,
    circuitBreaker: pool && readConnectionPool(pool, notes),
    outlierDetection: found?.settings,
    retryBudget: budget && readRetryBudget(budget, notes),
  })
}

function readTls(tls: Fields, notes: Notes): void {
  const mode = tls.text('mode')
  const field = [...tls.path, 'mode']
  if (mode === 'ISTIO_MUTUAL') return
  if (mode === 'DISABLE')
    notes.lost(
      field,
      'DISABLE has no counterpart: between sidecars there is mutual TLS, and to pods without one there is none',
      'take it out; a port that must stay plain is excluded by the annotation weft.dev/exclude-inbound-ports on its pods',
    )
  else
    notes.lost(
      field,
      `${mode ?? 'TLS without a mode'} has no counterpart: no sidecar begins TLS for an application`,
      'have the application speak TLS; it passes as it is',
    )
}

function readRetryBudget(budget: Fields, notes: Notes): JsonObject {
  const percent = budget.number('percent', 0, 100)
  const least = budget.integer('minRetryConcurrency', 0, 1_000_000)
  budget.refuseUnknown()
  if (least !== undefined)
    notes.changed(
      [...budget.path, 'minRetryConcurrency'],
      'counts retries at once, and minimumPerSecond those of a second',
      'correct it where retries take much longer or shorter than a second',
    )
  return withoutEmpty({
    percent: percent === undefined ? undefined : Math.round(percent),
    minimumPerSecond: least,
  })
}
