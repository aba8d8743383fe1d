import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Verdict } from './suite.ts'

/** How a command ended: its exit code, or undefined for one that a signal ended. */
export interface Ended {
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** It was ended because its time was up. */
  readonly late: boolean
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Seconds until it is killed. */
  readonly limit: number
  readonly stopped: AbortSignal
}

/** Runs a program of another project to its end. */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<Ended> {
  const [file = '', ...args] = argv
  const child = spawn(file, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A connectconformance starts others: they end with it.
    detached: true,
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (said.stdout += String(text)))
  child.stderr.on('data', (text: Buffer) => (said.stderr += String(text)))
  const end = (): void => killGroup(child)
  let late = false
  const timer = setTimeout(() => {
    late = true
    end()
  }, options.limit * 1000)
  options.stopped.addEventListener('abort', end)
  if (options.stopped.aborted) end()
  try {
    await once(child, 'close')
  } finally {
    clearTimeout(timer)
    options.stopped.removeEventListener('abort', end)
  }
  return { code: child.exitCode ?? undefined, ...said, late }
}

/** Ends a process that was started `detached`, with all that it started. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const LINES_QUOTED = 3

/** Passed if it ended with 0; otherwise with the end of what it said. */
export function verdictOf(ended: Ended): Verdict {
  if (ended.code === 0) return { passed: true, said: '' }
  const lines = `${ended.stdout}\n${ended.stderr}`.split('\n').filter((line) => line.trim() !== '')
  const last = lines.slice(-LINES_QUOTED).join(' | ')
  return { passed: false, said: `${ended.late ? 'its time was up' : `exit ${ended.code}`}: ${last}` }
}
