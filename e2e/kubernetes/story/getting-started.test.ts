import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseManifests } from '../../../control-plane/registry/parse-manifests.ts'
import { COMMANDS, commandsOfThePage } from './steps/getting-started.ts'

const PROJECT = join(import.meta.dirname, '../../..')
const EXAMPLE = join(PROJECT, 'examples/cluster')

t.test('the page has the commands that are played, in this order', async (t) => {
  const commands = await commandsOfThePage()
  t.equal(commands.length, COMMANDS.length)
  for (const [at, [begins]] of COMMANDS.entries()) t.ok(commands[at]?.startsWith(begins), begins)
})

t.test('the sample can be read, and runs on the image that ours are built on', async (t) => {
  const dockerfile = readFileSync(join(PROJECT, 'deploy/docker/proxy.Dockerfile'), 'utf8')
  const [, image = ''] = /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile) ?? []
  for (const file of readdirSync(EXAMPLE)) {
    const text = readFileSync(join(EXAMPLE, file), 'utf8')
    t.strictSame(parseManifests(file, text).errors, [], file)
    for (const [, named] of text.matchAll(/^ *image: (\S+)$/gm)) t.equal(named, image, file)
  }
})
