import fc from 'fast-check'
import t from 'tap'
import { selects } from '../../registry/kinds/label-selector.ts'
import type { CheckedPod } from './checked-mesh.ts'
import { podsWith } from './selected-pods.ts'

const labels = fc.dictionary(fc.constantFrom('app', 'tier', 'x'), fc.constantFrom('a', 'b', ''), {
  maxKeys: 3,
})
const namespace = fc.constantFrom('shop', 'pay')
const pod = fc.record({ namespace, labels }).map((meta): CheckedPod => ({
  maker: { kind: 'Pod', namespace: meta.namespace, name: '' },
  meta: { ...meta, name: '' },
  serviceAccount: 'default',
  meshed: true,
  leftOut: '',
  ports: [],
}))

t.test('the index finds whom a look at each pod finds, in the same order', (t) => {
  fc.assert(
    fc.property(
      fc.array(pod, { maxLength: 12 }),
      namespace,
      fc.option(labels, { nil: undefined }),
      (pods, of, selector) => {
        const expected = pods.filter(
          ({ meta }) => meta.namespace === of && (!selector || selects(selector, meta.labels)),
        )
        t.strictSame(podsWith(of, selector, pods), expected)
      },
    ),
    { numRuns: 300 },
  )
  t.end()
})
