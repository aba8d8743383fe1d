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
  const said: string[] = []
  const report = { error: (line: string) => said.push(line), warn: (line: string) => said.push(line) }
  const { workloads, pods } = await new ManifestSource([directory], report).load()
  t.strictSame([...workloads.keys(), ...pods.keys()], ['default/right'])
  t.equal(said.length, 2)
  t.match(said[0], `${join(directory, 'deployment.yaml')}: `)
  t.match(said[0], /spec\.template\.spec\.volumes\[0\]\.hostPath/)
  t.match(said[0], /--image/)
  t.match(said[1], /spec\.volumes\[0\]\.emptyDir\.sizeLimit/)
})

t.test(
  'a file that is emptied to be written anew takes nothing down; one that stays empty does',
  async (t) => {
    const directory = t.testdir({ 'pod.yaml': POD('first') })
    const file = join(directory, 'pod.yaml')
    const said: string[] = []
    const report = { error: (line: string) => said.push(line), warn: (line: string) => said.push(line) }
    const source = new ManifestSource([directory], report)
    const pods = async () => [...(await source.load()).pods.keys()]
    t.strictSame(await pods(), ['default/first'])

    writeFileSync(file, '')
    const during = pods()
    // In the grace, however slow this machine is: the reader waits from its own look at the empty file on.
    await delay(20)
    writeFileSync(file, POD('second'))
    t.strictSame(await during, ['default/second'])

    writeFileSync(file, '')
    t.strictSame(await pods(), [])
    t.strictSame(said, [])
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
  const said: string[] = []
  const report = { error: (line: string) => said.push(line), warn: (line: string) => said.push(line) }
  const { pods } = await new ManifestSource([directory], report).load()
  t.strictSame(said, [])
  t.strictSame([...pods.keys()].sort(), ['default/four', 'default/one', 'default/three', 'default/two'])
})
