import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Of Node's handle under a TLSSocket, what is needed to tell the two ends apart. */
interface TlsHandle {
  onread?: (bytes?: ArrayBuffer) => unknown
  readonly reading?: boolean
  readonly bytesRead?: number
  readonly _parent?: { readStart?(): number } | null
}

/**
 * Makes a TLS connection that ends without close_notify fail instead of ending in order: RFC 8446 section 6.1
 * wants what is cut short there told from what is whole, and Node tells both as 'end'. For protocols whose data
 * end with the connection; others know their ends. Does nothing for a plaintext socket.
 */
export function refuseTruncation(socket: Socket): void {
  if (!(socket instanceof TLSSocket)) return
  const handle = (socket as unknown as { _handle?: TlsHandle | null })._handle
  const inner = handle?.onread
  if (!inner) return
  let ended = false
  let read = handle.bytesRead
  handle.onread = function (this: TlsHandle, bytes?: ArrayBuffer): unknown {
    // Without bytes: what was read stands in a buffer of ours, or it is an error or an end. The first end counts:
    // after close_notify comes that of the TCP connection.
    if (bytes !== undefined || this.bytesRead !== read) read = this.bytesRead
    else if (!ended && !socket.destroyed) {
      ended = true
      if (tcpEnded(this)) {
        socket.destroy(new Error('the TLS connection was closed without close_notify'))
        return undefined
      }
    }
    return inner.call(this, bytes)
  }
}

/**
 * libuv ends the reading of a connection before it tells of a FIN, so that reading can be started once more;
 * close_notify comes while it goes on. Who has stopped reading gets no FIN told.
 */
function tcpEnded(handle: TlsHandle): boolean {
  return handle.reading === true && handle._parent?.readStart?.() === 0
}
