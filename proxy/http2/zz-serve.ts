import net from 'node:net'
import tls from 'node:tls'
import fs from 'node:fs'
import { serveHttp2 } from './server.ts'
import { createTransport } from '../transport/socket-transport.ts'
const onSocket = (socket: net.Socket) => {
  serveHttp2(
    createTransport(socket),
    {
      onRequest(stream, _head, end) {
        const answer = () => {
          stream.head({ status: 200, fields: ['content-type', 'text/plain'] }, false)
          stream.data(Buffer.from('hello'))
          stream.end(undefined)
        }
        if (end) answer()
        return { onData() {}, onEnd: answer, onReset() {}, onWritable() {} }
      },
      onClose() {},
    },
    { maxConcurrentStreams: 100 },
  )
}
net.createServer({ allowHalfOpen: true }, onSocket).listen(18080, '127.0.0.1')
tls
  .createServer(
    {
      key: fs.readFileSync('/tmp/h2key.pem'),
      cert: fs.readFileSync('/tmp/h2cert.pem'),
      ALPNProtocols: ['h2'],
      allowHalfOpen: true,
    },
    onSocket,
  )
  .listen(18443, '127.0.0.1')
