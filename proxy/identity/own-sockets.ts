import type { ChannelCredentials, Client } from '@grpc/grpc-js'
import type { Socket } from 'node:net'

/** For the end of an HTTP/2 session in order. */
const LINGER_MS = 1000

/**
 * The TCP connections below a gRPC client, which grpc-js leaves to the kernel where a server never ends the TLS
 * handshake, or never sends its SETTINGS: each try would keep one.
 */
export class OwnSockets {
  readonly #open = new Set<Socket>()
  #closed = false

  /** Takes note of every connection that is made with these credentials. */
  watch(credentials: ChannelCredentials): ChannelCredentials {
    const create = credentials._createSecureConnector.bind(credentials)
    credentials._createSecureConnector = (...args) => {
      const connector = create(...args)
      const connect = connector.connect.bind(connector)
      connector.connect = (socket) => {
        // It was connecting while the client was closed.
        if (this.#closed) socket.destroy()
        this.#open.add(socket)
        socket.once('close', () => this.#open.delete(socket))
        return connect(socket)
      }
      return connector
    }
    return credentials
  }

  /** `client.close()` closes them, too. */
  closeWith(client: Client): void {
    const close = client.close.bind(client)
    client.close = () => {
      this.#closed = true
      close()
      for (const socket of this.#open) setTimeout(() => socket.destroy(), LINGER_MS).unref()
    }
  }
}
