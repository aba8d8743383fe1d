import t from 'tap'
import { parseNodePlan } from './node-plan.ts'

const plan = (nodes: string, network?: string, zones?: string) => parseNodePlan({ nodes, network, zones })

t.test('how many nodes, what is between them, and in which zones they are', async (t) => {
  t.strictSame(plan('1'), { count: 1, network: 'vxlan', zones: [] })
  t.strictSame(plan('3', 'routed'), { count: 3, network: 'routed', zones: ['zone-a', 'zone-b', 'zone-c'] })
  t.strictSame(plan('3', undefined, 'a,b').zones, ['a', 'b'])
  for (const wrong of ['0', '17', 'two', '1.5', '-1', ''])
    t.throws(() => plan(wrong), { message: /--nodes.*from 1 to 16/ }, wrong)
  t.throws(() => plan('2', 'bgp'), { message: /--network/ })
  t.throws(() => plan('1', 'vxlan'), { message: /--nodes 2 or more/ })
  t.throws(() => plan('2', 'vxlan', 'a,,b'), { message: /--zones/ })
})
