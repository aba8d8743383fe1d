import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { ManifestSource } from './source.ts'

const POD = (name: string) => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec: { containers: [{ name: app, image: 'test/none:v1' }] }
`

t.test('what cannot be mounted is refused by its field before anything starts', async (t) => {
  const spec = (volume: string) =>
    `{ containers: [{ name: app, image: 'test/none:v1' }], volumes: [{ name: data, ${volume} }] }`
  const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: ${spec('hostPath: { path: /srv, type: Directory }')}
`
  const pod = `apiVersion: v1
kind: Pod
metadata: { name: large }
spec: ${spec('emptyDir: { sizeLimit: lots }')}
`
  const directory = t.testdir({ 'deployment.yaml': deployment, 'pod.yaml': pod, 'right.yaml': POD('right') })
  const { desired, problems } = await new ManifestSource([directory]).load()
  const { workloads, pods } = desired
  const said = problems.filter(({ severity, field }) => severity === 'error' && !field.endsWith('.command'))
  t.strictSame([...workloads.keys(), ...pods.keys()], ['default/right'])
  t.equal(said.length, 2)
  t.match(said, [
    {
      file: join(directory, 'deployment.yaml'),
      line: 8,
      field: 'spec.template.spec.volumes[0].hostPath',
      remedy: /--image/,
    },
    { file: join(directory, 'pod.yaml'), line: 4, field: 'spec.volumes[0].emptyDir.sizeLimit' },
  ])
})

t.test(
  'a file that is emptied to be written anew takes nothing down; one that stays empty does',
  async (t) => {
    const directory = t.testdir({ 'pod.yaml': POD('first') })
    const file = join(directory, 'pod.yaml')
    const source = new ManifestSource([directory])
    const pods = async () => [...(await source.load()).desired.pods.keys()]
    t.strictSame(await pods(), ['default/first'])

    writeFileSync(file, '')
    const during = pods()
    // In the grace, however slow this machine is: the reader waits from its own look at the empty file on.
    await delay(20)
    writeFileSync(file, POD('second'))
    t.strictSame(await during, ['default/second'])

    writeFileSync(file, '')
    t.strictSame(await pods(), [])
  },
)

t.test('lists, JSON, and documents with nothing but comments in them', async (t) => {
  const pod = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'app', image: 'test/none:v1' }] },
  })
  const directory = t.testdir({
    'list.yaml': `# first\n---\n# nothing\n---\n${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [pod('one'), pod('two')] })}\n---\n`,
    'pods.json': JSON.stringify({ apiVersion: 'v1', kind: 'PodList', items: [pod('three')] }, null, '\t'),
    'pod.json': `${JSON.stringify(pod('four'), null, 2)}\n`,
  })
  const { desired, problems } = await new ManifestSource([directory]).load()
  t.strictSame(
    problems.filter(({ field }) => !field.endsWith('.command')),
    [],
  )
  t.strictSame([...desired.pods.keys()].sort(), [
    'default/four',
    'default/one',
    'default/three',
    'default/two',
  ])
})
