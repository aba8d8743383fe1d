import { createServer } from 'node:http'

// Asks another service for each request, and passes none of its fields on.
createServer((_, response) => {
  void fetch('http://pretender:8080/items/1').then(
    ({ status }) => response.writeHead(status).end(),
    () => response.writeHead(502).end(),
  )
}).listen(8080)
