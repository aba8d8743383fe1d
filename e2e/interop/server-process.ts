import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { takesConnections } from '../programs/takes-connections.ts'
import { killGroup } from './command.ts'
import type { Run } from './suite.ts'

const LIMIT_MS = 60_000
const SAID_BYTES = 4096

/** Starts a server of another project; resolves once something takes connections at `port` of loopback. */
export async function startServer(run: Run, argv: readonly string[], port: number): Promise<void> {
  const [file = '', ...args] = argv
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const closed = once(child, 'close')
  run.t.teardown(async () => {
    killGroup(child)
    await closed
  })
  let said = ''
  child.stderr.on('data', (text: Buffer) => (said = (said + String(text)).slice(-SAID_BYTES)))
  const began = performance.now()
  while (!(await takesConnections(port))) {
    if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}: ${said}`)
    if (performance.now() - began > LIMIT_MS || run.stopped.aborted)
      throw new Error(`${file} does not listen at ${port}: ${said}`)
  }
}
