import type { Socket } from 'node:net'
import { monotonicClock, type Clock } from '../../core/clock.ts'
import { detect, type Detected } from './detect.ts'
import { keepBytes } from './ended-early.ts'

export type Peeked =
  | Exclude<Detected, { kind: 'more' }>
  | { readonly kind: 'timeout' }
  | { readonly kind: 'closed' }

/**
 * Reads just enough of a connection to know its protocol and gives the bytes back, so that whoever serves
 * it next sees it from its first byte. The socket is paused afterwards. `timeout`: nothing decisive came
 * in time (a server-first protocol, or a slow client); what came is given back as well.
 */
export function peek(
  socket: Socket,
  timeoutMs: number,
  done: (peeked: Peeked) => void,
  clock: Clock = monotonicClock,
): void {
  // Looked at before, and over: nothing more comes.
  if (socket.readableEnded) return void setImmediate(() => done({ kind: 'opaque', text: false }))
  let seen: Buffer | undefined
  const cancelTimer = clock.after(timeoutMs, () => finish({ kind: 'timeout' }))

  const finish = (peeked: Peeked): void => {
    cancelTimer()
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('close', onClose)
    socket.off('error', onError)
    socket.pause()
    if (seen && peeked.kind !== 'closed') {
      if (socket.readableEnded) keepBytes(socket, seen)
      else socket.unshift(seen)
    }
    done(peeked)
  }
  const onData = (chunk: Buffer): void => {
    seen = seen ? Buffer.concat([seen, chunk]) : chunk
    const detected = detect(seen)
    if (detected.kind !== 'more') finish(detected)
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
