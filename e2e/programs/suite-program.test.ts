import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import t from 'tap'
import { WeftError } from '../../core/errors.ts'
import { FlagError } from '../../local/flags.ts'
import { lack } from './lack.ts'
import { exitCodeOf } from './suite-program.ts'
import { HUNG } from './within.ts'

t.test('exit codes', async (t) => {
  t.equal(exitCodeOf(new FlagError('--all')), 2)
  t.equal(exitCodeOf(lack('Go', 'install it')), 3)
  t.equal(exitCodeOf(new WeftError('program.missing', 'go')), 3)
  t.equal(exitCodeOf(new WeftError(HUNG, 'a step')), 1)
  t.equal(exitCodeOf(new Error('a step')), 1)
})

t.test('a step that hangs is told, and ends with what it started', { timeout: 60_000 }, async (t) => {
  const suite = `
    import { spawn } from 'node:child_process'
    import { runSuiteProgram } from './e2e/programs/suite-program.ts'
    import { within } from './e2e/programs/within.ts'
    runSuiteProgram('trial', async () => {
      const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
      console.log(child.pid)
      return within(0.001, 'step 2', new Promise(() => {}))
    })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', suite], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (said.stdout += String(text)))
  child.stderr.on('data', (text: Buffer) => (said.stderr += String(text)))
  await once(child, 'close')
  t.equal(child.exitCode, 1)
  t.match(said.stderr, /^trial: step 2 did not end within 0\.001 minutes$/m)
  const started = Number(said.stdout)
  t.ok(started > 0)
  while (existsSync(`/proc/${started}`)) await new Promise((resolve) => setTimeout(resolve, 20))
})
