import type { Socket } from 'node:net'
import { ResponseFlag } from '../exchange/flags.ts'
import { resetSocket } from '../transport/reset-socket.ts'

export interface RelayEnd {
  /** From a to b, and from b to a. */
  readonly sent: number
  readonly received: number
  /** The first error, or undefined after both sides ended in order. */
  readonly error: Error | undefined
  /** The side that broke, where there is an error. */
  readonly brokenBy: 'a' | 'b' | undefined
  /** Neither side moved for the idle time. */
  readonly idle: boolean
}

/**
 * Copies bytes both ways until both ends are through. A FIN is passed on by itself (half-close), a
 * broken connection breaks the other, and each side's pace holds the other back.
 */
export function relay(a: Socket, b: Socket, idleTimeoutMs: number, done: (end: RelayEnd) => void): void {
  let sent = 0
  let received = 0
  let open = 2
  let error: Error | undefined
  let brokenBy: RelayEnd['brokenBy']
  let idle = false

  const connect = (from: Socket, to: Socket, count: (bytes: number) => void): void => {
    from.on('data', (chunk: Buffer) => {
      count(chunk.length)
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.on('end', () => to.end())
    from.on('error', (cause: Error) => {
      if (error) return
      error = cause
      brokenBy = from === a ? 'a' : 'b'
    })
    from.on('close', (failed: boolean) => {
      // A reset is passed on as one. What ended in order before it broke is still delivered whole, with its FIN.
      if (!from.readableEnded) resetSocket(to)
      else if (failed) to.destroySoon()
      if (--open === 0) done({ sent, received, error, brokenBy, idle })
    })
  }
  a.allowHalfOpen = true
  b.allowHalfOpen = true
  connect(a, b, (bytes) => {
    sent += bytes
  })
  connect(b, a, (bytes) => {
    received += bytes
  })
  if (idleTimeoutMs > 0) {
    // Both timers are refreshed by reads and writes alike, so that either one means that nothing moved.
    a.setTimeout(idleTimeoutMs, () => {
      idle = true
      a.destroy()
      b.destroy()
    })
  }
  a.resume()
  b.resume()
}

/** Of an opaque connection whose caller is side a: response flags and code details. */
export function outcomeOf({ error, brokenBy, idle }: RelayEnd): { flags: number; details: string } {
  if (idle) return { flags: ResponseFlag.SI, details: 'idle_timeout' }
  if (!error) return { flags: 0, details: 'closed' }
  return brokenBy === 'a'
    ? { flags: ResponseFlag.DC, details: `downstream_remote_disconnect{${error.message}}` }
    : { flags: ResponseFlag.UC, details: `connection_termination{${error.message}}` }
}
