import { spawn } from 'node:child_process'
import { WeftError } from '../../core/errors.ts'

export interface CommandResult {
  /** The exit code, or 128 + the signal's number. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Killed after this many milliseconds; the code is then 124, as timeout(1) has it. */
  readonly timeoutMs?: number
  /** Bytes kept of each stream. */
  readonly limit?: number
}

const DEFAULT_LIMIT = 8 << 20

/** Runs a program to its end and gives what it said. Rejects only when it cannot be started. */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program, ...args] = argv
  if (program === undefined) throw new WeftError('local.command', 'no command given')
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
      ...(options.env ? { env: options.env } : {}),
    })
    const limit = options.limit ?? DEFAULT_LIMIT
    const collect = (stream: NodeJS.ReadableStream | null) => {
      const chunks: Buffer[] = []
      let size = 0
      stream?.on('data', (chunk: Buffer) => {
        if (size < limit) chunks.push(chunk)
        size += chunk.length
      })
      return () => Buffer.concat(chunks).subarray(0, limit).toString('utf8')
    }
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    let timedOut = false
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true
            if (child.pid !== undefined) killGroup(child.pid)
          }, options.timeoutMs)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(new WeftError('local.command', `cannot run ${program}: ${error.message}`, { cause: error }))
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const exit = timedOut ? 124 : (code ?? 128 + (signal === 'SIGKILL' ? 9 : 15))
      resolve({ code: exit, stdout: stdout(), stderr: stderr() })
    })
    if (options.input !== undefined) {
      child.stdin?.on('error', () => {})
      child.stdin?.end(options.input)
    }
  })
}

/** Kills a process and all that it started in its own group; nothing happens when it is gone. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}

/** Like runCommand, but anything except exit code 0 is an error that quotes the first line of stderr. */
export async function mustRun(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await runCommand(argv, options)
  if (result.code !== 0) {
    const said = result.stderr.trim().split('\n')[0] ?? ''
    throw new WeftError(
      'local.command_failed',
      `${argv.slice(0, 4).join(' ')} failed (${result.code}): ${said}`,
    )
  }
  return result.stdout
}
