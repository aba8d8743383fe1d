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
