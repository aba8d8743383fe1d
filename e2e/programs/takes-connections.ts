import { connect } from 'node:net'

const POLL_MS = 2

/** Whether something listens on this port of loopback; asks again only after a moment. */
export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => setTimeout(() => resolve(false), POLL_MS))
  })
}
