import type { Socket } from 'node:net'
import { monotonicClock, type Clock } from '../../core/clock.ts'
import { Detection, type Detected } from './detect.ts'
import { keepBytes } from './ended-early.ts'

export type Peeked =
  /** `open`: see Detection.open. */
  | (Exclude<Detected, { kind: 'more' }> & { readonly open?: boolean })
  /** `silent`: nothing came at all. */
  | { readonly kind: 'timeout'; readonly silent: boolean }
  | { readonly kind: 'closed' }

export interface PeekOptions {
  /** How long bytes are waited for; 0: for ever. Milliseconds. */
  readonly timeoutMs: number
  /** False: who begins TLS is not heard out; its first byte makes it opaque. Default true. */
  readonly inspectTls?: boolean
  /** Monotonic. */
  readonly clock?: Clock
}

/**
 * Reads just enough of a connection to know its protocol and gives the bytes back, so that whoever serves
 * it next sees it from its first byte. The socket is paused afterwards. `timeout`: nothing decisive came
 * in time (a server-first protocol, or a slow client); what came is given back as well.
 */
export function peek(
  socket: Socket,
  { timeoutMs, inspectTls = true, clock = monotonicClock }: PeekOptions,
  done: (peeked: Peeked) => void,
): void {
  // Looked at before, and over: nothing more comes.
  if (socket.readableEnded) return void setImmediate(() => done({ kind: 'opaque', text: false }))
  const detection = new Detection(inspectTls)
  const seen: Buffer[] = []
  const gaveUp = (): void => finish({ kind: 'timeout', silent: seen.length === 0 })
  const cancelTimer = timeoutMs > 0 ? clock.after(timeoutMs, gaveUp) : undefined

  const finish = (peeked: Peeked): void => {
    cancelTimer?.()
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('close', onClose)
    socket.off('error', onError)
    socket.pause()
    if (seen.length > 0 && peeked.kind !== 'closed') {
      if (socket.readableEnded) keepBytes(socket, Buffer.concat(seen))
      else socket.unshift(Buffer.concat(seen))
    }
    done(peeked)
  }
  const onData = (chunk: Buffer): void => {
    seen.push(chunk)
    const detected = detection.feed(chunk)
    if (detected.kind !== 'more') finish(detection.open ? { ...detected, open: true } : detected)
  }
  // A client that says nothing and half-closes may still be served by a server-first protocol.
  const onEnd = (): void => finish({ kind: 'opaque', text: false })
  const onClose = (): void => finish({ kind: 'closed' })
  const onError = (): void => {}
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', onClose)
  socket.on('error', onError)
  socket.resume()
}
