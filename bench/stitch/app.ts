import { Agent, createServer, request } from 'node:http'

// An ordinary application between load and origin: asks the origin for each request, over connections that it keeps, and passes on no
// field. Arguments: its port, the origin's.
const [port, origin] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true })

createServer((incoming, outgoing) => {
  const asked = request({ host: '127.0.0.1', port: origin, path: incoming.url, agent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, { 'content-length': answer.headers['content-length'] })
    answer.pipe(outgoing)
  })
  asked.end()
}).listen(port, '127.0.0.1')
