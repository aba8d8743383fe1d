import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join, targetLine } from './forwarder.ts'

/** An address and a port that a connection goes to. */
export interface Destination {
  readonly host: string
  readonly port: number
}

const AGAIN_MS = 100
/** The ingress pod may still be starting, with the whole mesh before it. */
const PATIENCE_MS = 60_000

/** Hands a connection of the machine to an address; ends it when there is none. */
export function passStraight(caller: Socket, destination: Destination | undefined): void {
  prepare(caller)
  if (destination) join(caller, connect({ ...destination, allowHalfOpen: true }))
  else caller.destroy()
}

/**
 * Hands a connection of the machine to the forwarder of the ingress pod, which calls the destination from there. Where
 * the forwarder is not there yet the caller waits; it is let go after a minute.
 */
export function passThroughIngress(caller: Socket, socketPath: string, destination: Destination): void {
  prepare(caller)
  const until = Date.now() + PATIENCE_MS
  const attempt = () => {
    const forwarder = connect({ path: socketPath, allowHalfOpen: true })
    const failed = () => {
      if (caller.destroyed) return
      if (Date.now() > until) caller.destroy()
      else setTimeout(attempt, AGAIN_MS)
    }
    forwarder.once('error', failed)
    forwarder.once('connect', () => {
      forwarder.off('error', failed)
      forwarder.write(targetLine(destination))
      join(caller, forwarder)
    })
  }
  attempt()
}

function prepare(caller: Socket): void {
  // What is accepted in one process and served in another comes with the default.
  caller.allowHalfOpen = true
  caller.on('error', () => {})
}
