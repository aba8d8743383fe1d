import type { Cluster } from '../../../core/xds/generated/envoy.js'
import { RETRY_BUDGET } from '../../model/traffic-defaults.ts'
import type { TrafficSettings } from '../../model/traffic-settings.ts'

const MAX_CONNECTIONS = 10_000
const MAX_REQUESTS = 10_000

/** `circuit_breakers` as a policy says them, or as they are without one: generous limits and GEP-3388's budget. */
export function circuitBreakers({
  circuitBreaker = {},
  retryBudget = RETRY_BUDGET,
}: TrafficSettings): Pick<Cluster, 'circuitBreakers'> {
  const { maximumConnections, maximumPendingRequests, maximumRequests, maximumRetries } = circuitBreaker
  return {
    circuitBreakers: {
      thresholds: [
        {
          priority: 'DEFAULT',
          maxConnections: maximumConnections ?? MAX_CONNECTIONS,
          maxPendingRequests: maximumPendingRequests ?? MAX_REQUESTS,
          maxRequests: maximumRequests ?? MAX_REQUESTS,
          ...(maximumRetries === undefined ? {} : { maxRetries: maximumRetries }),
          retryBudget: {
            budgetPercent: { value: retryBudget.percent },
            minRetryConcurrency: retryBudget.minimumPerSecond,
          },
        },
      ],
    },
  }
}
