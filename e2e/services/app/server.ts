// A server that says which pod it is: over HTTP with who called (as the sidecar says), over TCP, and over TLS of its own.
import { existsSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

const pod = process.env['POD'] ?? ''
const own = { cert: process.env['TLS_CERT'], key: process.env['TLS_KEY'] }

const answer = (socket: Socket): void => {
  socket.on('error', () => {})
  socket.end(pod)
}

const http = (): Server =>
  createHttpServer(({ headers, url }, response) => {
    if (url === '/ready' && existsSync('/tmp/unready')) response.statusCode = 503
    const caller = /URI=([^;]*)/.exec(String(headers['x-forwarded-client-cert']))?.[1] ?? ''
    response.end(JSON.stringify({ pod, caller, host: headers.host }))
  })

const servers: Readonly<Record<number, () => Server>> = {
  8080: http,
  8081: http,
  9000: () => createTcpServer(answer),
  8443: () => createTlsServer(own, answer),
}
for (const [port, make] of Object.entries(servers)) make().listen(Number(port))
// A pod that goes away serves to its end, as long as the kubelet leaves it: what comes then is seen.
process.on('SIGTERM', () => {})
