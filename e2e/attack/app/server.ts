// The application that is attacked: tells what it was told. GET /seen gives forged identities and what was no HTTP.
import { createServer } from 'node:http'
import type { Socket } from 'node:net'

const forged: string[] = []
/** By port. */
const malformed: Record<number, number> = { 8080: 0, 9000: 0 }

/** As CGI has it: case, `-` and `_` make no difference. */
const folded = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')

for (const port of [8080, 9000]) {
  const server = createServer((request, response) => {
    if (request.url === '/seen') {
      response.end(JSON.stringify({ forged, malformed }))
      return
    }
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const [name = '', value = ''] = request.rawHeaders.slice(at, at + 2)
      if (folded(name) === 'x_forwarded_client_cert' && value.includes('forged'))
        forged.push(`${port} ${request.url} ${name}`)
    }
    request.resume()
    response.end('fine')
  })
  server.on('clientError', (_error: Error, socket: Socket) => {
    malformed[port] = (malformed[port] ?? 0) + 1
    socket.destroy()
  })
  server.listen(port, '0.0.0.0')
}
process.on('SIGTERM', () => process.exit(0))
