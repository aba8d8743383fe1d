import * as net from 'node:net'

/** What a caller does with its connection; bytes are valid during the call only. */
export interface Caller {
  onConnect(socket: net.Socket): void
  onBytes(bytes: Buffer): void
  /** The connection ended, by whichever side. */
  onClose(reason: string): void
}

// One buffer serves all connections: what was read is used up before the next read.
const BUFFER = Buffer.allocUnsafeSlow(256 * 1024)

/** Opens a connection whose bytes are read into one static buffer. */
export function connectCaller(port: number, caller: Caller): net.Socket {
  let reason = 'the proxy closed the connection'
  const socket = net.connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: {
      buffer: BUFFER,
      callback(count, buffer) {
        caller.onBytes((buffer as Buffer).subarray(0, count))
        return true
      },
    },
  })
  socket.once('connect', () => caller.onConnect(socket))
  socket.on('error', (error) => {
    reason = error.message
  })
  socket.on('close', () => caller.onClose(reason))
  return socket
}
