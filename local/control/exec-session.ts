import { spawn } from 'node:child_process'
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process'
import { constants } from 'node:os'
import type { Duplex, Readable } from 'node:stream'
import { WeftError, describeError } from '../../core/errors.ts'
import { TERMINAL_NAME_FD, inTerminal, resizeTerminal } from './exec-terminal.ts'
import { killGroup } from '../node/run-command.ts'
import { FRAME, FrameReader, writeFrame, writeJson } from './exec-frames.ts'
import type { ExecEnd, ExecRequest, TerminalSize } from './exec-frames.ts'

/** The command line and environment that run a request; throws a WeftError that says why there is none. */
export type ResolveExec = (request: ExecRequest) => {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** How long a command whose caller has left may take to end in order. */
const LEAVE_GRACE_MS = 2000
/** How long what a killed command left behind may hold its output open. */
const LEFTOVER_MS = 500

/**
 * Serves one connection of `exec`: starts what its first frame asks for, passes input and output as they come, and
 * says how it ended. A caller that leaves takes its command along: SIGTERM, then SIGKILL.
 */
export function serveExec(socket: Duplex, head: Buffer, resolve: ResolveExec): void {
  const reader = new FrameReader()
  let child: ChildProcess | undefined
  let terminal: Promise<string> | undefined
  let over = false
  const finish = (end: ExecEnd) => {
    if (over) return
    over = true
    writeJson(socket, FRAME.end, end)
    socket.end()
  }
  const fail = (error: unknown) => {
    const code = error instanceof WeftError ? error.code : 'local.command'
    finish({ error: { code, message: describeError(error) } })
  }

  const take = (chunk: Buffer) => {
    try {
      for (const { type, payload } of reader.push(chunk)) {
        if (type === FRAME.start && !child) {
          child = start(socket, JSON.parse(payload.toString('utf8')) as ExecRequest, resolve, finish)
          terminal = terminalOf(child)
        } else if (type === FRAME.resize) {
          const size = JSON.parse(payload.toString('utf8')) as TerminalSize
          void terminal?.then((name) => resizeTerminal(name, size))
        } else if (type === FRAME.stdin) {
          if (payload.length === 0) child?.stdin?.end()
          else if (child?.stdin?.write(payload) === false) socket.pause()
        }
      }
    } catch (error) {
      fail(error)
      left()
    }
  }
  const left = () => {
    const pid = child?.pid
    if (pid === undefined || child?.exitCode !== null || child.signalCode !== null) return
    try {
      process.kill(-pid, 'SIGTERM')
    } catch {
      // Gone in this moment.
    }
    const timer = setTimeout(() => killGroup(pid), LEAVE_GRACE_MS)
    child.once('exit', () => clearTimeout(timer))
  }
  socket.on('data', take)
  socket.on('error', () => {})
  socket.on('end', () => {
    over = true
    socket.end()
    left()
  })
  socket.on('close', () => {
    over = true
    left()
  })
  if (head.length > 0) take(head)
}

function start(
  socket: Duplex,
  request: ExecRequest,
  resolve: ResolveExec,
  finish: (end: ExecEnd) => void,
): ChildProcess {
  const resolved = resolve(request)
  const { terminal } = request
  const argv = terminal ? inTerminal(resolved.argv, terminal) : resolved.argv
  // script(1) gives its command to this shell.
  const env = { ...resolved.env, ...(terminal ? { TERM: terminal.type, SHELL: '/bin/sh' } : {}) }
  const [program = '', ...args] = argv
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe', terminal ? 'pipe' : 'ignore'],
    detached: true,
    env,
  }) as ChildProcessWithoutNullStreams
  let timedOut = false
  const end = (code: number | null, signal: NodeJS.Signals | null) => {
    clearTimeout(timer)
    finish({ code: timedOut ? 124 : (code ?? 128 + (signal ? constants.signals[signal] : 0)), timedOut })
  }
  const timer =
    request.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true
          if (child.pid !== undefined) killGroup(child.pid)
        }, request.timeoutMs)
  child.stdin.on('error', () => {})
  child.stdin.on('drain', () => socket.resume())
  // It takes no more input: what still comes of it is let go.
  child.stdin.on('close', () => socket.resume())
  pass(child.stdout, socket, FRAME.stdout)
  pass(child.stderr, socket, FRAME.stderr)
  child.on('error', (error) => {
    clearTimeout(timer)
    const missing = terminal && program === 'script' ? ' (Debian package bsdutils)' : ''
    const message = `cannot run ${program}${missing}: ${error.message}`
    finish({ error: { code: 'local.command', message } })
  })
  child.on('close', end)
  child.on('exit', (code, signal) => {
    if (timedOut) setTimeout(() => end(code, signal), LEFTOVER_MS)
  })
  return child
}

/** The name of the terminal that a command runs in; never, when it runs in none. */
function terminalOf(child: ChildProcess): Promise<string> | undefined {
  const stream = child.stdio[TERMINAL_NAME_FD] as Readable | null | undefined
  if (!stream) return undefined
  // script(1) keeps the descriptor open: there is no end to wait for.
  return new Promise((resolve) => {
    stream.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8').trim()))
    stream.on('error', () => {})
  })
}

/** Frames what comes; held back while the caller takes nothing, dropped once it has gone. */
function pass(stream: Readable, socket: Duplex, type: number): void {
  stream.on('data', (chunk: Buffer) => {
    if (!writeFrame(socket, type, chunk)) stream.pause()
  })
  socket.on('drain', () => stream.resume())
  socket.on('close', () => stream.resume())
}
