import type { Series } from '../../../core/api/traffic.ts'
import type { Route, Routes } from '../ask/pages.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { ruleTo } from './rule-to.ts'
import { useSeries } from './subject-charts.tsx'

/**
 * What a version took, as the rule that splits led it there: callers asked for the Service that is split. Undefined until it is
 * known.
 */
export function useVersionSeries(id: string, of: (route: Route) => boolean): Series | undefined {
  const routes = useAnswer<Routes>('/api/routes').value
  const rule = routes && ruleTo(routes.routes, id, of)
  const own = useSeries(rule ? { of: 'backend', ...rule } : routes ? { of: 'service', name: id } : null)
  return own.value
}
