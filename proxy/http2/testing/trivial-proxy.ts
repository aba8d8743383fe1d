import net from 'node:net'
import type { Fields, RequestHead, ResponseHead } from '../../http/message.ts'
import type {
  BodyReader,
  ClientConnection,
  ClientStream,
  ClientStreamReader,
  ResetReason,
  ServerHandler,
  ServerStream,
} from '../../http/stream.ts'
import { createTransport } from '../../transport/socket-transport.ts'
import { connectHttp2 } from '../client.ts'
import type { Http2Options } from '../options.ts'
import { serveHttp2 } from '../server.ts'

/** One request of the proxy: what comes in on one side goes out on the other, with backpressure. */
class Pipe implements BodyReader, ClientStreamReader {
  readonly #down: ServerStream
  readonly #up: ClientStream
  readonly up: BodyReader
  #upHeld = false

  constructor(client: ClientConnection, down: ServerStream, head: RequestHead, end: boolean) {
    this.#down = down
    this.#up = client.open(head, end, this)
    // The reader of the request's half.
    this.up = {
      onData: (chunk) => {
        if (!this.#up.data(chunk)) down.pause()
      },
      onEnd: (trailers) => this.#up.end(trailers),
      onReset: (reason) => this.#up.reset(reason),
      onWritable: () => {
        this.#upHeld = false
        this.#up.resume()
      },
    }
  }

  onInformational(head: ResponseHead): void {
    this.#down.informational(head)
  }

  onHead(head: ResponseHead, end: boolean): void {
    this.#down.head(head, end)
  }

  onData(chunk: Buffer): void {
    if (this.#down.data(chunk) || this.#upHeld) return
    this.#upHeld = true
    this.#up.pause()
  }

  onEnd(trailers: Fields | undefined): void {
    this.#down.end(trailers)
  }

  onReset(reason: ResetReason): void {
    this.#down.reset(reason)
  }

  onWritable(): void {
    this.#down.resume()
  }
}

/** A server that answers through `client`, as little as a proxy can be; for tests. */
export function proxyTo(client: ClientConnection): ServerHandler {
  return {
    onRequest: (stream, head, end) => new Pipe(client, stream, head, end).up,
    onRefused() {},
    onClose() {},
  }
}

/** Listens on a port of 127.0.0.1 with `handler`. */
export async function listen(
  handler: ServerHandler,
  options: Http2Options = {},
): Promise<{ port: number; close(): void }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serveHttp2(createTransport(socket), handler, options)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Connects to a port of 127.0.0.1. */
export async function dial(
  port: number,
  options: Http2Options = {},
  onChange = (): void => {},
): Promise<ClientConnection> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return connectHttp2(createTransport(socket), { onChange }, options)
}
