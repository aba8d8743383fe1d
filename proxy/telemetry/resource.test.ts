import t from 'tap'
import { sidecarResource, standaloneResource } from './resource.ts'

const POD = { name: 'web-1', namespace: 'shop', uid: 'u1', node: 'n1' }

t.test('a sidecar is what its injector calls it, and its pod is what it is', async (t) => {
  const said = new Map([
    ['service.name', 'storefront'],
    ['service.namespace', 'sales'],
    ['k8s.deployment.name', 'web'],
    ['k8s.pod.name', 'another'],
    ['k8s.namespace.name', 'another'],
  ])
  t.match(Object.fromEntries(sidecarResource(POD, said)), {
    'service.name': 'storefront',
    'service.namespace': 'sales',
    'service.instance.id': 'shop.web-1.weft-proxy',
    'k8s.deployment.name': 'web',
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': 'web-1',
    'k8s.pod.uid': 'u1',
    'k8s.node.name': 'n1',
    'k8s.container.name': 'weft-proxy',
  })
})

t.test('without a word of its injector, one of the version before, it is called by its pod', async (t) => {
  const attributes = sidecarResource({ ...POD, uid: '', node: '' }, new Map())
  t.equal(attributes.get('service.name'), 'web-1')
  t.equal(attributes.get('service.namespace'), 'shop')
  t.notOk(attributes.has('k8s.pod.uid') || attributes.has('k8s.node.name'))
})

t.test(
  'a proxy that runs alone is called by its bootstrap, unless the environment says otherwise',
  async (t) => {
    const alone = (said: [string, string][]) =>
      standaloneResource({ cluster: 'edge', id: 'edge-1' }, new Map(said)).get('service.name')
    t.equal(alone([]), 'edge')
    t.equal(alone([['service.name', 'gateway']]), 'gateway')
    t.equal(standaloneResource({ cluster: '', id: '' }, new Map()).get('service.name'), 'weft')
  },
)
