import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { describeError, WeftError } from '../../core/errors.ts'
import { requireMachine } from './cluster/machine-lacks.ts'
import { LACK } from '../programs/lack.ts'
import { ensurePrograms, PART_NAMES } from './programs/programs.ts'

const USAGE = `usage: npm run test:kube [-- FILE...]

Runs the tests that need a real Kubernetes, e2e/**/*.kube.ts, one after the other. Its programs are built into a
cache the first time (some 15 minutes on two idle cores). It needs root.

Exit codes: 0 all passed, 1 a test failed, 2 wrong flags, 3 something cannot be had on this machine (it says what).
`

const LACKING = 3
/** For a whole test file, seconds. */
const TIMEOUT = '900'

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { help: { type: 'boolean' } },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const progress = (line: string) => console.error(line)
  await requireMachine(progress)
  await ensurePrograms(PART_NAMES, progress)
  return tap(positionals)
}

function tap(files: readonly string[]): Promise<number> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const args = ['--include=e2e/**/*.kube.ts', '--jobs=1', `--timeout=${TIMEOUT}`, ...files]
  const child = spawn('node_modules/.bin/tap', args, { cwd: root, stdio: 'inherit' })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.on('error', reject)
  child.on('exit', (code) => resolve(code === 0 ? 0 : 1))
  return promise
}

function exitCode(error: unknown): number {
  if (error instanceof WeftError && error.code === LACK) return LACKING
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`test:kube: ${describeError(error)}`)
    process.exitCode = exitCode(error)
  },
)
