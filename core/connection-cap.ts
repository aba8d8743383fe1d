import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'

export interface ConnectionCap {
  /** Connections open at once. */
  readonly total: number
  /** Of these, from one IP address. */
  readonly perAddress: number
}

interface Held {
  readonly socket: Socket
  readonly address: string
  message: IncomingMessage | undefined
}

/**
 * Bounds the connections of a small HTTP server so that nobody shuts others out by holding them open: where one more
 * comes than `cap` allows, an old one of the address that holds most is ended, and the new one is served. Those go first
 * that wait for their client (for a handshake, a head, a body or nothing), the longest wait first; only where there are
 * none, the one that is served longest. Replaces `maxConnections`, which refuses the new ones.
 */
export function capConnections(server: HttpServer | HttpsServer, cap: ConnectionCap): void {
  // Both in the order in which they began to wait, or to be served.
  const byPeer = new Map<string, Held>()
  const byAddress = new Map<string, Set<Held>>()

  const requeue = (held: Held): void => {
    const same = byAddress.get(held.address)
    if (same?.delete(held)) same.add(held)
  }
  const forget = (peer: string, held: Held): void => {
    if (byPeer.get(peer) === held) byPeer.delete(peer)
    const same = byAddress.get(held.address)
    if (same?.delete(held) && same.size === 0) byAddress.delete(held.address)
  }

  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    const address = socket.remoteAddress
    // It left already.
    if (peer === undefined || address === undefined) return void socket.destroy()
    const held: Held = { socket, address, message: undefined }
    if ((byAddress.get(address)?.size ?? 0) >= cap.perAddress) makeRoom(byAddress.get(address))
    else if (byPeer.size >= cap.total) makeRoom(greediest(byAddress))
    byPeer.set(peer, held)
    const same = byAddress.get(address)
    if (same) same.add(held)
    else byAddress.set(address, new Set([held]))
    socket.once('close', () => forget(peer, held))
  })

  const makeRoom = (from: Set<Held> | undefined): void => {
    if (!from) return
    const [first] = from
    const leaves = [...from].find(waitsForClient) ?? first
    if (!leaves) return
    const peer = peerOf(leaves.socket)
    leaves.socket.destroy()
    // Its `close` comes in a later turn, and others may come in this one.
    if (peer !== undefined) forget(peer, leaves)
  }

  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    // With TLS the message's socket is not the one of `connection`, but has its addresses.
    const held = byPeer.get(peerOf(message.socket) ?? '')
    if (!held) return
    held.message = message
    requeue(held)
    response.once('close', () => {
      if (held.message !== message) return
      held.message = undefined
      requeue(held)
    })
  })
}

function waitsForClient({ message }: Held): boolean {
  return message === undefined || !message.complete
}

function greediest(byAddress: ReadonlyMap<string, Set<Held>>): Set<Held> | undefined {
  let most: Set<Held> | undefined
  for (const held of byAddress.values()) if (held.size > (most?.size ?? 0)) most = held
  return most
}

function peerOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined || remotePort === undefined
    ? undefined
    : `${remoteAddress}|${remotePort}`
}

const answering = new WeakMap<Socket, ServerResponse>()

/**
 * To be asked first for each request: true where the answer before it was not taken yet, and the connection is ended then.
 * Node reads on meanwhile, and a client that sends requests and takes no answers has all of them kept for it.
 */
export function refusePipelined(socket: Socket, response: ServerResponse): boolean {
  const before = answering.get(socket)
  if (socket.destroyed || (before && !before.writableFinished)) {
    socket.destroy()
    return true
  }
  answering.set(socket, response)
  return false
}
