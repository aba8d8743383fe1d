import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { WeftError } from '../../core/errors.ts'

export interface StepOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Called with each line of stderr. */
  readonly onLine?: (line: string) => void
}

const LINES_QUOTED = 6

/**
 * Runs one step of the making of a program, behind all other work of the machine (it may take minutes), and gives its
 * standard output. Throws WeftError `programs.step` that quotes the end of what it said.
 */
export function runStep(argv: readonly string[], options: StepOptions = {}): Promise<string> {
  const child = spawn('nice', ['-n', '19', ...argv], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  const last: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line)
    if (last.length > LINES_QUOTED) last.shift()
    options.onLine?.(line)
  })
  child.on('error', reject)
  child.on('close', (code) => {
    if (code === 0) resolve(Buffer.concat(output).toString('utf8'))
    else
      reject(new WeftError('programs.step', `${argv.slice(0, 3).join(' ')} failed:\n  ${last.join('\n  ')}`))
  })
  return promise
}
