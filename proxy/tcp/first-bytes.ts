import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { Detection, type Detected } from '../transport/detect.ts'

/** What is done with an opaque connection whose client had not said enough, once it does. */
export interface LateClient {
  /** How long a beginning that decides nothing is held back; 0: it goes on at once. Milliseconds. */
  readonly holdMs: number
  /** Whether somebody else is to serve what begins so. */
  takes(detected: Detected): boolean
  /** Serves it: nothing of it was passed on, and every byte of it stands in the socket, which is paused. */
  take(detected: Detected): void
}

export type FirstBytes =
  /** To be relayed, after `sent` bytes of the client that were passed on. */
  | { readonly kind: 'relay'; readonly sent: number }
  | { readonly kind: 'taken'; readonly detected: Detected }
  /** What came whole is not to pass, and a part of it had been passed on. */
  | { readonly kind: 'refused'; readonly sent: number }
  | { readonly kind: 'closed'; readonly by: 'client' | 'server'; readonly sent: number }

/**
 * Looks at the first bytes of a client while its server has said nothing: whoever waits until detection gives up, or
 * sends a request line in two parts, does not get past the engine that reads requests. Where the server speaks first
 * there is nothing more to look at. `done` once; both sockets are paused then. Returns what gives it up.
 */
export function watchFirstBytes(
  client: Socket,
  server: Socket,
  late: LateClient,
  clock: Clock,
  done: (first: FirstBytes) => void,
): () => void {
  const detection = new Detection()
  let held: Buffer[] = []
  let sent = 0
  let over = false
  let holding = late.holdMs > 0
  let cancelHold: (() => void) | undefined

  const forward = (): void => {
    for (const chunk of held) {
      sent += chunk.length
      server.write(chunk)
    }
    held = []
  }
  const stop = (): void => {
    over = true
    cancelHold?.()
    for (const [socket, listeners] of LISTENERS)
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener)
    client.pause()
    server.pause()
  }
  const finish = (first: FirstBytes): void => {
    if (over) return
    stop()
    if (held.length > 0 && !client.destroyed && !client.readableEnded) client.unshift(Buffer.concat(held))
    done(first)
  }
  const relay = (): void => finish({ kind: 'relay', sent })

  const onClient = (chunk: Buffer): void => {
    held.push(chunk)
    const detected = detection.feed(chunk)
    if (detection.open && !late.takes(detected)) return forward()
    if (detected.kind === 'more') {
      if (!holding) forward()
      else
        cancelHold ??= clock.after(late.holdMs, () => {
          holding = false
          forward()
        })
      return
    }
    if (!late.takes(detected)) return relay()
    if (sent === 0) return finish({ kind: 'taken', detected })
    // Of TLS and its like nobody understands a part: that it is late harms its client alone.
    if (detected.kind === 'tls') return relay()
    held = []
    finish({ kind: 'refused', sent })
  }
  // Nothing follows, so that nothing it could have become is passed on.
  const onClientEnd = (): void => {
    forward()
    server.end()
    relay()
  }
  const onServer = (chunk: Buffer): void => {
    server.pause()
    server.unshift(chunk)
    relay()
  }
  const onServerEnd = (): void => {
    client.end()
    relay()
  }
  const LISTENERS: readonly [Socket, Record<string, (chunk: Buffer) => void>][] = [
    [
      client,
      { data: onClient, end: onClientEnd, close: () => finish({ kind: 'closed', by: 'client', sent }) },
    ],
    [
      server,
      { data: onServer, end: onServerEnd, close: () => finish({ kind: 'closed', by: 'server', sent }) },
    ],
  ]
  for (const [socket, listeners] of LISTENERS) {
    socket.allowHalfOpen = true
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener)
    socket.resume()
  }
  return stop
}
