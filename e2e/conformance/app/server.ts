// Says in JSON what it got, over all that a case may ask for.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { createServer as createTcpServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { TLS_CIPHERS, TLS_KEY } from './call.ts'
import { answerGrpc, answerHttp } from './answer-http.ts'
import { answerConnection, answerWebSocket } from './answer-connection.ts'

const version = process.argv[2] ?? ''

const http1 = (request: IncomingMessage, response: ServerResponse): void =>
  answerHttp(version, request, response)

createServer(http1)
  .on('upgrade', (request, socket) => answerWebSocket(version, request, socket))
  .listen(8080)
// Of the pods behind one Service only those of v1 listen here.
if (version === 'v1') createServer(http1).listen(8081)
createHttp2Server((request: Http2ServerRequest, response: Http2ServerResponse) => {
  if (request.headers['content-type'] === 'application/grpc') answerGrpc(version, request, response)
  else answerHttp(version, request, response)
}).listen(7070)
createTcpServer((socket) => answerConnection(version, socket)).listen(9090)
createTlsServer({ ciphers: TLS_CIPHERS, maxVersion: 'TLSv1.2', pskCallback: () => TLS_KEY }, (socket) =>
  answerConnection(version, socket),
).listen(8443)
