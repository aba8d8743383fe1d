import type { Duplex, Readable } from 'node:stream'
import { WeftError } from '../../core/errors.ts'
import { FRAME, FrameReader, writeFrame, writeJson } from './exec-frames.ts'
import type { ExecEnd, ExecRequest, TerminalSize } from './exec-frames.ts'

export interface ExecStreams {
  /** Passed on until it ends; without one the command meets the end of its input at once. */
  readonly stdin?: Readable
  /** Takes what the command says, as it comes; false: wait for `drained`. */
  stdout(chunk: Buffer): boolean
  stderr(chunk: Buffer): boolean
  /** Calls back once more can be taken; needed only by whoever says false. */
  drained?(resume: () => void): void
  /** Has each new size of the caller's window told, until the function that it gives is called. */
  resized?(tell: (size: TerminalSize) => void): () => void
}

export interface ExecResult {
  /** The exit code, 128 + the signal's number, or 124 after the time that was given. */
  readonly code: number
  readonly timedOut: boolean
}

/** The caller's side of one connection of `exec`, see exec-frames.ts. Rejects when the command cannot be started. */
export function followExec(socket: Duplex, request: ExecRequest, streams: ExecStreams): Promise<ExecResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ExecResult>()
  const reader = new FrameReader()
  const { stdin } = streams
  const input = (chunk: Buffer) => {
    if (!writeFrame(socket, FRAME.stdin, chunk)) stdin?.pause()
  }
  const inputEnded = () => void writeFrame(socket, FRAME.stdin, Buffer.alloc(0))
  const refill = () => void stdin?.resume()
  const over = (end: () => void) => {
    stdin?.off('data', input).off('end', inputEnded).pause()
    socket.off('drain', refill)
    fixed?.()
    socket.destroy()
    end()
  }
  const take = (type: number, payload: Buffer) => {
    if (type === FRAME.end) {
      const end = JSON.parse(payload.toString('utf8')) as ExecEnd
      over(() => ('error' in end ? reject(new WeftError(end.error.code, end.error.message)) : resolve(end)))
      return
    }
    const room = type === FRAME.stdout ? streams.stdout(payload) : streams.stderr(payload)
    if (room) return
    socket.pause()
    streams.drained?.(() => socket.resume())
  }
  socket.on('data', (chunk: Buffer) => {
    for (const { type, payload } of reader.push(chunk)) take(type, payload)
  })
  socket.on('error', () => {})
  socket.on('close', () =>
    over(() => reject(new WeftError('local.ended', 'the cluster ended before the command did'))),
  )
  writeJson(socket, FRAME.start, request)
  const fixed = streams.resized?.((size) => writeJson(socket, FRAME.resize, size))
  if (stdin) {
    stdin.on('data', input).on('end', inputEnded)
    socket.on('drain', refill)
  } else {
    inputEnded()
  }
  return promise
}
