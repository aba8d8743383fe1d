import type { Socket } from 'node:net'

export interface RelayEnd {
  /** From a to b, and from b to a. */
  readonly sent: number
  readonly received: number
  /** The first error, or undefined after both sides ended in order. */
  readonly error: Error | undefined
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
  let idle = false

  const connect = (from: Socket, to: Socket, count: (bytes: number) => void): void => {
    from.on('data', (chunk: Buffer) => {
      count(chunk.length)
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.on('end', () => to.end())
    from.on('error', (cause: Error) => {
      error ??= cause
    })
    from.on('close', (failed: boolean) => {
      // A reset is passed on as one; after an orderly end the other side has its FIN already.
      if (failed || !from.readableEnded) breakOff(to)
      if (--open === 0) done({ sent, received, error, idle })
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

function breakOff(socket: Socket): void {
  if (socket.destroyed) return
  // TLSSocket has no RST of its own; destroying it closes without close_notify, which a peer sees as broken.
  if (typeof socket.resetAndDestroy === 'function' && !('encrypted' in socket)) socket.resetAndDestroy()
  else socket.destroy()
}
