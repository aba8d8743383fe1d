import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { WeftError } from '../../core/errors.ts'
import { ForwardedStream, type ForwardTarget } from './port-forward.ts'

export interface ForwardListener {
  readonly port: number
  /** Ends what is open, too. */
  close(): Promise<void>
}

export interface ForwardListenerOptions {
  /** 0: one that is free. */
  readonly port: number
  /** Where the next connection goes. */
  target(): Promise<ForwardTarget>
  /** Why a connection came to nothing, or broke. */
  failed(error: unknown): void
  /** The pod's side ended a connection that the client still had: the pod may be going. */
  ended(): void
}

/** Listens on 127.0.0.1; each connection has a stream to a pod of its own. Throws WeftError `port_forward.port`. */
export async function listenForPod(options: ForwardListenerOptions): Promise<ForwardListener> {
  const open = new Set<Socket>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    options.target().then(
      (target) => forward(socket, target, options),
      (error: unknown) => {
        if (!socket.destroyed) options.failed(error)
        socket.destroy()
      },
    )
  })
  server.listen(options.port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (cause) {
    const message = `127.0.0.1:${options.port} cannot be listened on: choose another, or none for one that is free`
    throw new WeftError('port_forward.port', message, { field: '--port', cause })
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

function forward(
  socket: Socket,
  target: ForwardTarget,
  options: Pick<ForwardListenerOptions, 'failed' | 'ended'>,
): void {
  if (socket.destroyed) return
  const stream = new ForwardedStream(target)
  stream.on('error', (error) => {
    // Whoever has left is told nothing.
    if (!socket.destroyed) options.failed(error)
    socket.destroy()
  })
  socket.on('close', () => stream.destroy())
  stream.on('close', () => {
    if (!socket.destroyed) options.ended()
    socket.destroySoon()
  })
  socket.pipe(stream).pipe(socket)
}
