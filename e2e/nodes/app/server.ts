import { createServer } from 'node:http'

/** Says who it is and whom it sees, and how much of a body came. */
createServer((request, response) => {
  let bytes = 0
  request.on('data', (chunk: Buffer) => (bytes += chunk.length))
  request.on('end', () => {
    const { POD: pod, NODE: node, HOST_IP: hostIp } = process.env
    const header = String(request.headers['x-large'] ?? '').length
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ pod, node, hostIp, from: request.socket.remoteAddress, bytes, header }))
  })
}).listen(8080, '0.0.0.0')
