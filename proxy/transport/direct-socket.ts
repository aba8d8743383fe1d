import { writeSync } from 'node:fs'
import * as net from 'node:net'
import { DIRECT_ONREAD, type DirectReads, type TakeBytes } from './direct-reads.ts'

/** A plaintext socket past whose stream bytes can be read and written. A stream as any until then. */
export class DirectSocket extends net.Socket implements DirectReads {
  deliver: TakeBytes | undefined
  /** Why `writeNow` gave -1. */
  writeError: Error | undefined

  /** `accepted`: the handle of an accepted connection. */
  constructor(accepted?: object) {
    const options = {
      allowHalfOpen: true,
      ...(accepted ? { handle: accepted, pauseOnCreate: true } : {}),
      onread: DIRECT_ONREAD,
    }
    super(options as net.SocketConstructorOpts)
  }

  /**
   * Gives the kernel bytes at once, past the stream, and tells how many it took; they may be changed afterwards.
   * 0 also where it takes none now: the stream's own write waits. -1 after a reset: the peer takes no more, but
   * what it sent before may still be read, which the stream's own write would make impossible.
   */
  writeNow(bytes: Buffer, from: number, count: number): number {
    const handle = (this as unknown as { _handle: { readonly fd: number } | null })._handle
    // Without its handle the number may be another connection's already.
    if (handle === null || this.connecting || this.writableLength > 0 || this.writableEnded) return 0
    try {
      return writeSync(handle.fd, bytes, from, count)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EPIPE' && code !== 'ECONNRESET') return 0
      this.writeError = error as Error
      return -1
    }
  }
}

/**
 * The same accepted connection as a DirectSocket, paused. `socket` must be new: paused at its creation, nothing
 * read, nobody listening; it is over afterwards.
 */
export function direct(socket: net.Socket): net.Socket {
  const holder = socket as unknown as { _handle: object | null }
  const handle = holder._handle
  // The peer has gone already.
  if (!handle) return socket
  holder._handle = null
  const adopted = new DirectSocket(handle)
  // Its server counts it as closed.
  socket.destroy()
  return adopted
}
