import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

interface TcpHandle {
  close(done?: () => void): void
  reset?(done?: () => void): number
}

/**
 * Closes with a TCP RST, under TLS as well: what was cut short must not pass for whole. What is not sent yet is lost.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return
  // A FIN that is on its way to the kernel can't be overtaken: libuv refuses, and Node would never tell of the end.
  if (socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished)
    return void socket.destroy()
  if (!(socket instanceof TLSSocket)) return void socket.resetAndDestroy()
  // TLSSocket has no RST of its own. Its close ends in that of the TCP handle below, once, with whom to tell.
  const below = (socket as unknown as { _handle?: { _parent?: TcpHandle } | null })._handle?._parent
  if (below?.reset) below.close = (done) => void below.reset?.(done)
  socket.destroy()
}
