import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { rmSync } from 'node:fs'

/** The first line of a connection to the forwarder: where it goes. */
const TARGET = /^([a-z0-9.-]{1,253}) (\d{1,5})\n/
const LONGEST = 300

/** Connects one socket with another in both directions; what ends on one side ends on the other. */
export function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.setNoDelay(true)
    from.pipe(to)
    from.on('error', () => to.destroy())
    // What has ended in order was passed on, and may still be on its way.
    from.on('close', () => {
      if (!from.readableEnded) to.destroy()
    })
  }
  if (one.destroyed) other.destroy()
}

/** The line that tells the forwarder where a connection goes. */
export function targetLine({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host} ${port}\n`
}

/**
 * Listens on a unix socket in the ingress pod. Each connection begins with a line `HOST PORT`, and goes on to there:
 * from inside the pod, so that the pod's sidecar takes it as it takes a call of any other meshed pod.
 */
export function startForwarder(socketPath: string): Server {
  rmSync(socketPath, { force: true })
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    let head = ''
    socket.on('error', () => {})
    const take = () => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      head += chunk.toString('latin1')
      const [line, host = '', port = ''] = TARGET.exec(head) ?? []
      if (line === undefined) {
        if (head.length > LONGEST) socket.destroy()
        return
      }
      socket.off('readable', take)
      const rest = Buffer.from(head.slice(line.length), 'latin1')
      if (rest.length > 0) socket.unshift(rest)
      join(socket, connect({ host, port: Number(port), allowHalfOpen: true }))
    }
    socket.on('readable', take)
  })
  server.listen({ path: socketPath, writableAll: true })
  return server
}
