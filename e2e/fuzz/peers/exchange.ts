import { connect, type Socket } from 'node:net'
import type { FramedRequest } from '../view/framed.ts'
import type { Origin } from './origin.ts'

/** What a proxy made of one client's stream. */
export interface PeerView {
  /** What it sent on, whole. */
  readonly requests: readonly FramedRequest[]
  /** Final statuses that it answered. */
  readonly statuses: readonly number[]
  /** It neither answered nor closed: it waits for more. */
  readonly hung: boolean
}

// Beyond this silence a proxy waits for more. It only costs time where somebody frames otherwise.
const QUIET_MS = 5_000

/** Sends `stream` to a proxy on loopback, from a connection of its own, until the proxy closes it. `fin`: our side ends first. */
export function exchange(port: number, stream: Buffer, origin: Origin, fin: boolean): Promise<PeerView> {
  return new Promise((resolve, reject) => {
    let requests: readonly FramedRequest[] = []
    let answers = ''
    let hung = false
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.setTimeout(QUIET_MS, () => {
      hung = true
      socket.destroy()
    })
    socket.on('connect', () => {
      requests = origin.expect(socket.localPort as number)
      if (fin) socket.end(stream)
      else socket.write(stream)
    })
    socket.on('data', (chunk) => (answers += chunk.toString('latin1')))
    // A refusal while we still write ends in a reset.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'EADDRNOTAVAIL') reject(error)
    })
    socket.on('close', () => {
      const statuses = [...answers.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map((match) => Number(match[1]))
      resolve({ requests, statuses: statuses.filter((status) => status >= 200), hung })
    })
  })
}
