import t from 'tap'
import { MemorySource } from '../../registry/memory-source.ts'
import { injectionsOf } from './injections.ts'

const namespace = (name: string, label?: string): string =>
  `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}${label === undefined ? '' : `, labels: { weft.dev/inject: ${label} }`} }`
const pod = (
  home: string,
  name: string,
  more: { labels?: string; spec?: string; phase?: string } = {},
): string =>
  `apiVersion: v1
kind: Pod
metadata: { namespace: ${home}, name: ${name}, labels: { ${more.labels ?? ''} } }
spec: { containers: [{ name: app }]${more.spec ?? ''} }
status: { phase: ${more.phase ?? 'Running'} }`

const { snapshot } = MemorySource.of(
  namespace('shop', 'enabled'),
  namespace('off', 'disabled'),
  namespace('plain'),
  namespace('kube-system', 'enabled'),
  pod('shop', 'web'),
  pod('shop', 'missed'),
  pod('shop', 'done', { phase: 'Succeeded' }),
  pod('shop', 'no', { labels: 'weft.dev/inject: disabled' }),
  pod('shop', 'host', { spec: ', hostNetwork: true' }),
  pod('shop', 'istio', { spec: ', initContainers: [{ name: istio-proxy }]' }),
  pod('off', 'a'),
  pod('off', 'asks', { labels: 'weft.dev/inject: enabled' }),
  pod('plain', 'b'),
  pod('kube-system', 'dns'),
)

t.test('each pod without a sidecar has its reason, and who was missed comes first', async (t) => {
  const { counts, without, more } = injectionsOf(snapshot.value, (key) => key === 'shop/web')
  t.strictSame(
    without.map(({ namespace: home, pod: name, reason }) => `${home}/${name} ${reason}`),
    [
      'off/asks missed',
      'shop/missed missed',
      'off/a namespace-disabled',
      'shop/host host-network',
      'shop/istio other-mesh',
      'shop/no pod-disabled',
      'kube-system/dns excluded-namespace',
      'plain/b namespace-not-enabled',
    ],
  )
  t.match(without[0]?.remedy, /rollout restart/)
  t.ok(without.every(({ text, reason }) => text !== '' && text !== reason))
  t.match(counts, [{ reason: 'missed', pods: 2, injected: false }])
  t.match(
    counts.find(({ injected }) => injected),
    { reason: 'injected', pods: 1 },
  )
  t.equal(more, 0)
})

t.test('of one namespace, and no more than so many', async (t) => {
  t.strictSame(
    injectionsOf(snapshot.value, () => false, 'plain').without.map(({ pod: name }) => name),
    ['b'],
  )
  const many = MemorySource.of(...Array.from({ length: 1005 }, (_, i) => pod('plain', `p${i}`)))
  const { without, more } = injectionsOf(many.snapshot.value, () => false)
  t.strictSame([without.length, more], [1000, 5])
})
