import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { WeftError } from '../../../../core/errors.ts'

const POLL_MS = 50

export interface DaemonOptions {
  readonly argv: readonly string[]
  readonly log: string
  readonly env: NodeJS.ProcessEnv
}

/** A program that runs until it is ended; what it says goes to its log. */
export class Daemon {
  readonly name: string
  readonly #options: DaemonOptions
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  /** Says why, when it ended by itself. */
  readonly #died: (message: string) => void

  constructor(name: string, options: DaemonOptions, died: (message: string) => void) {
    this.name = name
    this.#options = options
    this.#died = died
  }

  start(): void {
    if (this.#child) return
    const { argv, log, env } = this.#options
    const [program = '', ...args] = argv
    const fd = openSync(log, 'a', 0o600)
    const child = spawn(program, args, { stdio: ['ignore', fd, fd], env })
    closeSync(fd)
    this.#child = child
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    const ended = (how: string) => {
      const byItself = this.#child === child
      this.#child = undefined
      resolve()
      if (byItself) this.#died(`${this.name} ended (${how}): ${lastLine(log)}`)
    }
    child.on('error', (error) => ended(error.message))
    child.on('close', (code, signal) => ended(String(code ?? signal)))
  }

  /** Ends it with a signal and resolves when it is gone. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    child?.kill(signal)
    await this.#ended
  }
}

/** Asks until `ready` says true; throws WeftError `kubernetes.not_ready` after `timeoutMs`. */
export async function untilTrue(
  what: string,
  timeoutMs: number,
  ready: () => Promise<boolean>,
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await ready().catch(() => false))) {
    if (performance.now() > end)
      throw new WeftError('kubernetes.not_ready', `${what} took more than ${timeoutMs / 1000} s`)
    await delay(POLL_MS)
  }
}

function lastLine(log: string): string {
  try {
    return readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? ''
  } catch {
    return ''
  }
}
