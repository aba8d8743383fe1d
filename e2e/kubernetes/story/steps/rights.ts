import type { Audit } from '../../mesh/audit.ts'
import { refusedOf } from '../../mesh/rights.ts'
import type { KubernetesStep } from '../step.ts'

/** All that went before was done with the chart's rules; chart/rights.kube.ts holds that none of them is in vain. */
export function rights(audit: Audit): KubernetesStep {
  return {
    name: 'rights',
    expected: "with the chart's rules alone, nothing that the mesh asked the API server for was refused",
    async run() {
      const events = audit.events()
      const refused = [...new Set(refusedOf(events))]
      return {
        ok: refused.length === 0 && events.length > 0,
        observed: `${events.length} requests, refused: ${refused.join('; ') || 'none'}`,
      }
    },
  }
}
