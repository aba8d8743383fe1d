import { createServer, type ServerHttp2Stream } from 'node:http2'

// A gRPC server with nothing but health checking (grpc/health/v1/health.proto), over plain HTTP/2.
const CHECK = '/grpc.health.v1.Health/Check'
// Length-prefixed message, not compressed: HealthCheckResponse with status SERVING.
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01])
const UNIMPLEMENTED = '12'

const server = createServer()
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  if (headers[':path'] !== CHECK) {
    stream.respond({ 'content-type': 'application/grpc', 'grpc-status': UNIMPLEMENTED }, { endStream: true })
    return
  }
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.end(SERVING)
})
server.listen(8081)
process.on('SIGTERM', () => process.exit(0))
