import { createServer, type Socket } from 'node:net'
import { GrpcOrigin } from './grpc.ts'
import { Http1Origin } from './http1.ts'

// The process of the application behind the proxies: HTTP/1.1, gRPC and an echo, on three ports that its
// parent is told.

/** Serves on a free port of loopback; resolves with it. */
function serve(accept: (socket: Socket) => (bytes: Buffer) => void): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', accept(socket))
  })
  return new Promise((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
}

/** Where the application listens. */
export interface OriginPorts {
  readonly http1: number
  readonly grpc: number
  readonly echo: number
}

const ports: OriginPorts = {
  http1: await serve((socket) => {
    const origin = new Http1Origin(socket)
    return (bytes) => origin.onBytes(bytes)
  }),
  grpc: await serve((socket) => {
    const origin = new GrpcOrigin(socket)
    return (bytes) => origin.onBytes(bytes)
  }),
  echo: await serve((socket) => (bytes) => void socket.write(bytes)),
}
process.on('disconnect', () => process.exit())
process.send?.(ports)
