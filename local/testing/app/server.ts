// The application of the cluster's tests: answers with who it is, and can be told to crash.
import { createServer } from 'node:http'

let served = 0
const server = createServer((request, response) => {
  served++
  if (request.url === '/crash') process.exit(3)
  response.end(
    JSON.stringify({
      pod: process.env['POD'],
      version: process.env['VERSION'],
      served,
      peer: request.socket.remoteAddress,
    }),
  )
})
server.listen(8080, '0.0.0.0')
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
