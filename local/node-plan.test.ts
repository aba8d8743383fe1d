import t from 'tap'
import { describeError } from '../core/errors.ts'
import { parseNodePlan } from './node-plan.ts'

const plan = (nodes: string, network?: string, zones?: string) => parseNodePlan({ nodes, network, zones })

t.test('how many nodes, what is between them, and in which zones they are', async (t) => {
  t.strictSame(plan('1'), { count: 1, network: 'vxlan', zones: [] })
  t.strictSame(plan('3', 'routed'), { count: 3, network: 'routed', zones: ['zone-a', 'zone-b', 'zone-c'] })
  t.strictSame(plan('3', undefined, 'a,b').zones, ['a', 'b'])
  for (const wrong of ['0', '17', 'two', '1.5', '-1', ''])
    t.match(refusal(wrong), /--nodes.*from 1 to 16/, wrong)
  t.match(refusal('2', 'bgp'), /--network.*vxlan or routed/)
  t.match(refusal('1', 'vxlan'), /--nodes 2 or more/)
  t.match(refusal('2', 'vxlan', 'a,,b'), /--zones/)
})

function refusal(...flags: Parameters<typeof plan>): string {
  try {
    plan(...flags)
  } catch (error) {
    return describeError(error)
  }
  return 'taken'
}
