// Run as `node answer.ts NAME HOST:PORT...`: answers each connection with who it is and where the caller meant to go.
import { createServer } from 'node:net'
import { originalDestination } from './original-destination.ts'

const [name, ...addresses] = process.argv.slice(2)
await Promise.all(
  addresses.map((address) => {
    const [, host = '', port] = /^\[?(.*?)\]?:([0-9]+)$/.exec(address) ?? []
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`${name} for ${originalDestination(socket)}`)
    })
    return new Promise<void>((resolve) =>
      server.listen({ host, port: Number(port), ipv6Only: host.includes(':') }, resolve),
    )
  }),
)
process.stdout.write('ready\n')
