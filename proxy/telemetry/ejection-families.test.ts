import t from 'tap'
import { MOST_EJECTED } from '../../core/ejections.ts'
import { IN_A_ROW } from '../testing/outlier-settings.ts'
import { FakeUpstream } from '../upstream/testing/fake-upstream.ts'
import { ejectionFamilies } from './ejection-families.ts'

function failing(endpoints: number, out: number) {
  const { clock, clusters, configuration } = new FakeUpstream()
  const ports = Array.from({ length: endpoints }, (_, i) => i + 1)
  const maxEjectedPercent = 100
  configuration.setCluster('app', ports, { outliers: { ...IN_A_ROW, maxEjectedPercent } })
  configuration.setCluster('well', [1, 2])
  clusters.get('well')
  const states = [...clusters.get('app').states.values()]
  for (const state of states.slice(0, out)) for (let i = 0; i < 5; i++) state.ended('answered', 500, -1, 0)
  return {
    clock,
    states,
    told: () => ejectionFamilies(clusters, clock.now())[0].points,
  }
}

t.test('an endpoint that is out is told until it is back', async (t) => {
  const { clock, states, told } = failing(3, 1)
  const [point] = told()
  t.strictSame(point?.attributes, [
    ['weft.backend', 'app'],
    ['weft.endpoint', states[0]?.address],
    ['weft.reason', 'consecutive-errors'],
  ])
  t.equal(point?.value, IN_A_ROW.baseEjectionMs / 1000)
  clock.advance(IN_A_ROW.baseEjectionMs + 5000)
  t.match(told(), [{ value: 0 }], 'one request decides')
  t.equal(told().length, 1)
  states[0]?.ended('answered', 200, -1, 0)
  t.strictSame(told(), [])
})

t.test('no more than so many are told', async (t) => {
  t.equal(failing(MOST_EJECTED + 20, MOST_EJECTED + 10).told().length, MOST_EJECTED)
})
