import { once } from 'node:events'
import type { Socket } from 'node:net'

/**
 * Waits until a socket is connected. One that its peer took and reset at once may tell of it as a failed connect (the
 * reset can be there before the loop hears of the handshake): it was connected, and is closed. Rejects for everything
 * else, such as ECONNREFUSED.
 */
export async function connected(socket: Socket): Promise<void> {
  try {
    await once(socket, 'connect')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
    if (!socket.closed) await once(socket, 'close')
  }
}
