import t from 'tap'
import { injectPod } from './inject-pod.ts'
import type { PodNamespace } from './inject-pod.ts'
import { applyPatch } from './json-patch.ts'
import type { JsonObject } from './json-patch.ts'
import { defaultSettings } from './settings.ts'

const shop: PodNamespace = { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } }

interface Container {
  name: string
  env?: { name: string; value: string }[]
  readinessProbe?: JsonObject
}
interface Pod {
  metadata: { annotations: Record<string, string>; managedFields?: unknown[] }
  spec: { containers: Container[]; initContainers: Container[] }
}

const probe = (port: number) => ({ tcpSocket: { port } })
const web = (annotations: JsonObject = {}, container: JsonObject = { readinessProbe: probe(8080) }) => ({
  // As the API server writes them before it asks the first webhook.
  metadata: {
    name: 'web',
    annotations,
    managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {}, 'f:metadata': {} } }],
  },
  spec: { containers: [{ name: 'web', ...container }] },
})

function inject(pod: JsonObject, order: 'native' | 'classic' = 'native') {
  const { patch, ...rest } = injectPod(pod, shop, { ...defaultSettings('1.2.3'), order })
  return { ...rest, patch, pod: applyPatch(pod, patch) as unknown as Pod }
}
const again = (pod: Pod) => inject(pod as unknown as JsonObject)

const sidecar = ({ spec }: Pod) =>
  [...spec.initContainers, ...spec.containers].find(({ name }) => name === 'weft-proxy') as Container
const known = (pod: Pod): Record<string, unknown> =>
  JSON.parse(sidecar(pod).env?.find(({ name }) => name === 'WEFT_APP_PROBES')?.value ?? '{}')

for (const order of ['native', 'classic'] as const) {
  t.test(`a container that another webhook adds later gets its probes rewritten, ${order}`, (t) => {
    const { pod } = inject(web(), order)
    // In front: what is known of the others' places must not be taken for granted.
    pod.spec.containers.unshift({ name: 'agent', readinessProbe: probe(9000) })
    pod.spec.initContainers.unshift({ name: 'early' })
    const second = again(pod)
    t.match(second, { injected: false, reason: 'already-injected', again: true, warnings: [] })
    t.strictSame(Object.keys(known(second.pod)).toSorted(), [
      '/app-health/agent/readyz',
      '/app-health/web/readyz',
    ])
    const agent = second.pod.spec.containers.find(({ name }) => name === 'agent')
    t.match(agent?.readinessProbe, { httpGet: { path: '/app-health/agent/readyz', port: 15021 } })
    const names = ({ spec }: Pod) => [...spec.initContainers, ...spec.containers].map(({ name }) => name)
    t.strictSame(names(second.pod), names(pod), 'nothing else comes twice')
    t.strictSame(again(second.pod).patch, [], 'a third look changes nothing')
    t.end()
  })
}

t.test('nothing changed meanwhile: nothing changes, and nobody is warned', (t) => {
  t.match(again(inject(web()).pod), { patch: [], warnings: [], again: true })
  t.end()
})

t.test('the first probe of a pod comes with the container that is added', (t) => {
  const { pod } = inject(web({}, {}))
  t.strictSame(known(pod), {})
  pod.spec.containers.push({ name: 'agent', readinessProbe: probe(9000) })
  const second = again(pod)
  t.strictSame(Object.keys(known(second.pod)), ['/app-health/agent/readyz'])
  t.strictSame(again(second.pod).patch, [])
  t.end()
})

t.test('a probe that another webhook replaced is rewritten again', (t) => {
  const { pod } = inject(web())
  const container = pod.spec.containers[0] as Container
  container.readinessProbe = probe(7000)
  t.match(known(again(pod).pod), { '/app-health/web/readyz': { tcpSocket: { port: 7000 } } })
  t.end()
})

t.test('what the added container does wrong is told', (t) => {
  const { pod } = inject(web())
  const agent = { name: 'agent', readinessProbe: probe(0), securityContext: { runAsUser: 1337 } }
  pod.spec.containers.push(agent as Container)
  t.match(again(pod).warnings, [/readinessProbe of container agent is left/, /container agent runs as/])
  t.end()
})

t.test('probes stay as they are where the pod wants that, or where the variable is not ours', (t) => {
  const { pod } = inject(web({ 'weft.dev/rewrite-probes': 'false' }))
  pod.spec.containers.push({ name: 'agent', readinessProbe: probe(9000) })
  t.strictSame(again(pod).patch, [])
  for (const value of ['{', '[]', '']) {
    const { pod } = inject(web())
    const variable = sidecar(pod).env?.find(({ name }) => name === 'WEFT_APP_PROBES')
    if (variable) variable.value = value
    pod.spec.containers.push({ name: 'agent', readinessProbe: probe(9000) })
    t.strictSame(again(pod).patch, [], JSON.stringify(value))
  }
  t.end()
})

t.test('a pod that its author gave with the sidecar: a warning', (t) => {
  const { pod } = inject(web())
  const annotations = { 'f:weft.dev/status': {} }
  pod.metadata.managedFields = [
    { manager: 'a' },
    { manager: 'kubectl', fieldsV1: { 'f:metadata': { 'f:annotations': annotations } } },
  ]
  const warnings = ['weft: left as it is: the pod has its sidecar already']
  t.match(again(pod), { injected: false, reason: 'already-injected', again: false, patch: [], warnings })
  delete pod.metadata.managedFields
  t.match(again(pod), { again: false, warnings }, 'from a file')
  t.end()
})
