import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/** What a pod's sidecar takes at once unless it is told otherwise. */
const MOST = 10_000
/** For listeners, the control plane, files. */
const OWN_DESCRIPTORS = 256

/** How many connections are open that others made to this process. */
export class ConnectionLimit {
  open = 0
  readonly most: number
  readonly #closed = (): void => void this.open--

  constructor(most: number = defaultConnections()) {
    this.most = most
  }

  /** False: there are too many. Otherwise it counts until its close. */
  admit(socket: Socket): boolean {
    if (this.open >= this.most) return false
    this.open++
    socket.once('close', this.#closed)
    return true
  }
}

/** Each connection may need another to its upstream; half of the descriptors are for those. */
export function defaultConnections(limits = readLimits()): number {
  const descriptors = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  if (descriptors === undefined) return MOST
  return Math.min(MOST, Math.max(64, Math.floor((Number(descriptors) - OWN_DESCRIPTORS) / 2)))
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ''
  }
}
