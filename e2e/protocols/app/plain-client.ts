// Without a sidecar: waits for the banner of each `host:port` of its arguments, and prints them as one JSON object.
import { once } from 'node:events'
import { connect } from 'node:net'

const heard = await Promise.all(
  process.argv.slice(2).map(async (address) => {
    const [host, port] = address.split(':')
    const began = performance.now()
    const socket = connect({ host, port: Number(port) })
    const said = await once(socket, 'data').then(
      ([chunk]) => String(chunk),
      (error: unknown) => `failed: ${String(error)}`,
    )
    socket.destroy()
    return [address, { said, ms: Math.round(performance.now() - began) }] as const
  }),
)
console.log(JSON.stringify(Object.fromEntries(heard)))
process.exit(0)
