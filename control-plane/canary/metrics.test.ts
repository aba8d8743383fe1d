import t from 'tap'
import { prometheusText } from '../../core/metrics/prometheus-text.ts'
import { canaryFamilies } from './metrics.ts'
import { CANARY_PHASES } from './status.ts'
import type { CanaryView } from './view.ts'

const SEEN = { requests: 0, failed: 0, latencyMs: null }
const CATALOG: CanaryView = {
  namespace: 'shop',
  name: 'catalog',
  route: 'HTTPRoute/catalog',
  stable: 'v1:80',
  canary: 'v2:80',
  phase: 'Waiting',
  reason: '',
  message: '',
  weight: 0,
  revision: '',
  step: 0,
  steps: ['10 % of requests'],
  evidence: { stable: SEEN, canary: SEEN, needed: 0, doubt: 0 },
  history: [],
}

t.test('a weight and every phase of each Canary, the one that it is in as 1', (t) => {
  const views = [CATALOG, { ...CATALOG, namespace: 'a"b\\c', weight: 10, phase: 'RolledBack' }] as const
  const lines = prometheusText(canaryFamilies(views, 0))
    .split('\n')
    .filter((line) => !line.startsWith('# HELP'))
  const phases = (namespace: string, phase: string) =>
    CANARY_PHASES.map(
      (one) =>
        `weft_canary_phase{canary_namespace="${namespace}",canary="catalog",phase="${one}"} ${one === phase ? 1 : 0}`,
    )
  t.same(lines, [
    '# TYPE weft_canary_weight gauge',
    'weft_canary_weight{canary_namespace="shop",canary="catalog"} 0',
    'weft_canary_weight{canary_namespace="a\\"b\\\\c",canary="catalog"} 10',
    '# TYPE weft_canary_phase gauge',
    ...phases('shop', 'Waiting'),
    ...phases('a\\"b\\\\c', 'RolledBack'),
    '',
  ])
  t.end()
})
