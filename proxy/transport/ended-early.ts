import type { Socket } from 'node:net'

const kept = new WeakMap<Socket, Buffer>()

/**
 * Of a socket whose FIN was read while its first bytes were looked at: a stream takes nothing back after its end, so
 * what came before waits here for whoever reads next.
 */
export function keepBytes(socket: Socket, bytes: Buffer): void {
  kept.set(socket, bytes)
}

/** What was kept, once. */
export function takeKeptBytes(socket: Socket): Buffer | undefined {
  const bytes = kept.get(socket)
  kept.delete(socket)
  return bytes
}
