import { connect, type Socket } from 'node:net'

/** A connection to `host` whose first bytes are `bytes`, before whatever is written to it. It need not be there yet. */
export function connectBeginning(bytes: Buffer, host: string, port: number): Socket {
  const socket = connect({ host, port })
  socket.write(bytes)
  return socket
}
