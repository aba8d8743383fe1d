import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const WEFT = fileURLToPath(new URL('../cli/weft.ts', import.meta.url))
const BOOTSTRAP = `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources: { listeners: [], clusters: [] }
`

t.test('a proxy that is killed leaves its compile cache to the next one', async (t) => {
  const directory = t.testdir({ cache: {} })
  const cache = join(directory, 'cache')
  const file = join(directory, 'bootstrap.yaml')
  writeFileSync(file, BOOTSTRAP)
  const child = spawn(process.execPath, [WEFT, 'proxy', '--bootstrap', file], {
    stdio: ['ignore', 'inherit', 'pipe'],
    // Of whoever runs tests: how they are compiled there is not the question.
    env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: cache, NODE_V8_COVERAGE: '' },
  })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const written = () => readdirSync(cache, { recursive: true }).length
  while (child.exitCode === null && written() < 50) await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(log, 'proxy serving')
  child.kill('SIGKILL')
  await exited
  t.ok(written() >= 50, 'a file for each module')
})
