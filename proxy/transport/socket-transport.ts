import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { TCP_KEEP_ALIVE, type TcpKeepAlive } from '../model/keep-alive.ts'
import { readDirectly } from './direct-reads.ts'
import { DirectSocket } from './direct-socket.ts'
import { takeKeptBytes } from './ended-early.ts'
import { OUTPUT_LARGE_CHUNK, releaseBuffer, takeBuffer } from './output-pool.ts'
import { peerWatch, type WatchedConnection } from './peer-watch.ts'
import { resetSocket } from './reset-socket.ts'
import { endedByPeer } from './tcp-state.ts'
import type { Transport, TransportReader } from './transport.ts'

/** Above this many bytes that the kernel has not taken a transport is congested ... */
export const HIGH_WATER_BYTES = 256 * 1024
/** ... until no more than this is left. */
export const LOW_WATER_BYTES = 64 * 1024

// Transports with output of this turn. One immediate serves them all: it runs right after the poll phase,
// so that everything which one round of reads led to leaves as one write a connection, and a lone request
// waits for nothing.
let waitingForFlush: SocketTransport[] = []
let lastFlushed: SocketTransport[] = []

function flushAll(): void {
  const batch = waitingForFlush
  waitingForFlush = lastFlushed
  lastFlushed = batch
  for (let i = 0; i < batch.length; i++) (batch[i] as SocketTransport).flush()
  batch.length = 0
}

const NO_READER: TransportReader = { onData() {}, onEnd() {}, onWritable() {}, onClose() {} }

// Shared by all `reserve` calls: the answer is used before the next one.
const RESERVATION: { buffer: Buffer; at: number } = { buffer: Buffer.alloc(0), at: 0 }

/** `Transport` over a socket; see `createTransport`. */
export class SocketTransport implements Transport, WatchedConnection {
  readonly remote: string
  /** See `Transport.congested`. */
  congested = false
  /** See `Transport.handed`. */
  handed = 0
  /** See `Transport.taken`. */
  taken = 0
  /** Called when the kernel has taken what it had no room for at first. */
  onTaken: (() => void) | undefined
  readonly #socket: Socket
  readonly #keepAlive: TcpKeepAlive
  /** The same, where bytes can go past the stream. */
  readonly #direct: DirectSocket | undefined
  #reader: TransportReader = NO_READER
  #started = false

  // What gathers: full buffers and how far each is filled, then the current one.
  readonly #fullBuffers: Buffer[] = []
  readonly #fullLengths: number[] = []
  #fullBytes = 0
  #buffer: Buffer | undefined
  #length = 0
  #queued = false
  // What the socket holds: at most one write at a time, so that the rest goes on gathering meanwhile.
  #inSocket: Buffer | undefined
  #inSocketBytes = 0
  #writing = false

  #endRequested = false
  #closeAfterEnd = false
  #resetError: Error | undefined
  #finSent = false
  #closed = false
  #closeReported = false
  #error: Error | undefined
  readonly #onWrite: (error?: Error | null) => void

  constructor(socket: Socket, keepAlive: TcpKeepAlive = TCP_KEEP_ALIVE) {
    this.#socket = socket
    this.#keepAlive = keepAlive
    this.#direct = socket instanceof DirectSocket ? socket : undefined
    const address = socket.remoteAddress ?? ''
    this.remote = address.includes(':')
      ? `[${address}]:${socket.remotePort}`
      : `${address}:${socket.remotePort ?? 0}`
    this.#onWrite = (error) => this.#writeDone(error)
    // The codec answers a FIN itself: a response may still be on its way.
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    socket.on('error', (error: Error) => {
      this.#error ??= error
    })
    socket.on('close', () => this.#onClose())
    if (socket.destroyed) setImmediate(() => this.#onClose())
    else peerWatch.add(this)
  }

  get endedByPeer(): boolean {
    return endedByPeer(this.fd)
  }

  get fd(): number {
    const { _handle: handle } = this.#socket as unknown as { _handle?: { readonly fd?: number } | null }
    return this.#closed || this.#socket.connecting ? -1 : (handle?.fd ?? -1)
  }

  get received(): number {
    return this.#socket.bytesRead
  }

  get awaited(): boolean {
    return this.#reader.awaitsPeer ?? false
  }

  get awaitsAnswer(): boolean {
    return this.#reader.awaitsAnswer ?? false
  }

  keepAlive(often?: TcpKeepAlive): void {
    const { idleMs, intervalMs, probes } = often ?? this.#keepAlive
    if (!this.#closed) this.#socket.setKeepAlive(true, idleMs, intervalMs, probes)
  }

  peerSilent(silent: boolean): void {
    if (!this.#closed) this.#reader.onPeerSilent?.(silent)
  }

  /** As the kernel does after a quarter of an hour. */
  peerVanished(): void {
    if (this.#closed) return
    this.#dropOutput()
    this.#closed = true
    this.#socket.destroy(Object.assign(new Error('the peer has vanished'), { code: 'ETIMEDOUT' }))
  }

  get pending(): number {
    return this.#fullBytes + this.#length + this.#inSocketBytes
  }

  get reader(): TransportReader {
    return this.#reader
  }

  set reader(reader: TransportReader) {
    this.#reader = reader
    if (this.#started) return
    this.#started = true
    if (this.#closeReported) {
      setImmediate(() => this.#reader.onClose(this.#error))
      return
    }
    const socket = this.#socket
    socket.on('end', () => {
      // What reads like a FIN is the reset that a write has met.
      if (this.#resetError) socket.destroy(this.#resetError)
      else if (!this.#closed) this.#reader.onEnd()
    })
    // Starts the flow on the next tick; bytes that were put back by `unshift` come first.
    const take = (chunk: Buffer): void => {
      if (!this.#closed) this.#reader.onData(chunk)
    }
    socket.on('data', take)
    const reads = this.#direct ?? (socket instanceof TLSSocket ? readDirectly(socket) : undefined)
    if (reads) reads.deliver = take
    // A listener does not undo an earlier, explicit pause (protocol detection).
    if (socket.isPaused()) socket.resume()
    if (socket.readableEnded) setImmediate(() => this.#endedBefore())
  }

  /** Its FIN was read while its first bytes were looked at. */
  #endedBefore(): void {
    const bytes = takeKeptBytes(this.#socket)
    if (bytes && !this.#closed) this.#reader.onData(bytes)
    if (!this.#closed) this.#reader.onEnd()
  }

  write(bytes: Uint8Array): void {
    let from = 0
    while (from < bytes.length) {
      if (this.#endRequested || this.#closed) return
      const left = bytes.length - from
      let buffer = this.#buffer
      if (buffer === undefined || this.#length === buffer.length)
        buffer = this.#nextBuffer(Math.min(left, OUTPUT_LARGE_CHUNK))
      const room = buffer.length - this.#length
      const count = left < room ? left : room
      if (count === bytes.length) buffer.set(bytes, this.#length)
      else buffer.set(bytes.subarray(from, from + count), this.#length)
      from += count
      this.commit(count)
    }
  }

  writeLatin1(text: string): void {
    if (text.length <= OUTPUT_LARGE_CHUNK) {
      const { buffer, at } = this.reserve(text.length)
      this.commit(buffer.write(text, at, text.length, 'latin1'))
    } else this.write(Buffer.from(text, 'latin1'))
  }

  reserve(size: number): { buffer: Buffer; at: number } {
    let buffer = this.#buffer
    if (buffer === undefined || buffer.length - this.#length < size) buffer = this.#nextBuffer(size)
    RESERVATION.buffer = buffer
    RESERVATION.at = this.#length
    return RESERVATION
  }

  commit(size: number): void {
    if (this.#endRequested || this.#closed) return
    this.#length += size
    if (!this.#queued) this.#enqueue()
    if (this.pending > HIGH_WATER_BYTES) this.congested = true
  }

  end(): void {
    if (this.#endRequested || this.#closed) return
    this.#endRequested = true
    if (!this.#queued) this.#enqueue()
  }

  /** As `end`, and then no more is read: for an answer that nobody is left to take. */
  close(): void {
    this.#closeAfterEnd = true
    if (this.#resetError) this.destroy()
    else if (this.#finSent) this.#socket.destroySoon()
    else this.end()
  }

  destroy(): void {
    if (this.#closed) return
    this.#dropOutput()
    this.#closed = true
    this.#socket.destroy()
  }

  abort(): void {
    if (this.#closed) return
    this.#dropOutput()
    this.#closed = true
    resetSocket(this.#socket)
  }

  pause(): void {
    // Paused it would hear of the end no more.
    if (this.#resetError) this.#socket.destroy(this.#resetError)
    else this.#socket.pause()
  }

  resume(): void {
    if (this.#started && !this.#closed) this.#socket.resume()
  }

  /** Hands what is gathered to the socket now; once a turn this happens by itself. */
  flush(): void {
    this.#queued = false
    if (this.#closed || this.#finSent || this.#resetError) return
    while (!this.#writing && this.#fullBytes > 0) {
      this.#fullBytes -= this.#fullLengths[0] as number
      this.#writeToSocket(this.#fullBuffers.shift() as Buffer, this.#fullLengths.shift() as number)
    }
    if (this.#writing) return
    const buffer = this.#buffer
    if (buffer !== undefined && this.#length > 0) {
      const count = this.#length
      this.#buffer = undefined
      this.#length = 0
      this.#writeToSocket(buffer, count)
    }
    if (this.#resetError) return
    if (!this.#endRequested) return this.#leaveCongestion()
    this.#finSent = true
    if (this.#closeAfterEnd) this.#socket.destroySoon()
    else this.#socket.end()
  }

  /** One buffer at a time: of several Node makes a copy for TLS, and the collector runs for those. */
  #writeToSocket(buffer: Buffer, count: number): void {
    let taken = this.#direct === undefined ? 0 : this.#direct.writeNow(buffer, 0, count)
    if (taken < 0) {
      // Who reads no more would not hear of it.
      const socket = this.#socket
      if (this.#started && !socket.isPaused() && !socket.readableEnded) return this.#peerReset(buffer)
      taken = 0
    }
    this.handed += count
    this.taken += taken
    if (taken === count) return releaseBuffer(buffer)
    this.#inSocket = buffer
    this.#inSocketBytes = count - taken
    this.#writing = true
    this.#socket.write(buffer.subarray(taken, count), this.#onWrite)
  }

  /** The peer has reset: an answer that it sent before is still read, and then it is over. */
  #peerReset(buffer: Buffer): void {
    this.#resetError = this.#direct?.writeError
    this.#endRequested = true
    releaseBuffer(buffer)
    this.#dropOutput()
  }

  #enqueue(): void {
    this.#queued = true
    // The write's callback flushes what gathered meanwhile.
    if (this.#writing) return
    if (waitingForFlush.push(this) === 1) setImmediate(flushAll)
  }

  #nextBuffer(wanted: number): Buffer {
    const current = this.#buffer
    const needed = (current === undefined ? 0 : this.#length) + wanted
    // More than one buffer in a turn says that this is bulk, which goes in large ones.
    const size = this.#fullBytes > 0 ? OUTPUT_LARGE_CHUNK : Math.min(needed, OUTPUT_LARGE_CHUNK)
    // A head may be larger, where a listener allows it.
    const next = takeBuffer(Math.max(size, wanted))
    if (current !== undefined && needed <= next.length && current.length < next.length) {
      next.set(current.subarray(0, this.#length))
      releaseBuffer(current)
    } else this.#closeBuffer()
    return (this.#buffer = next)
  }

  #closeBuffer(): void {
    const buffer = this.#buffer
    if (buffer === undefined) return
    if (this.#length > 0) {
      this.#fullBuffers.push(buffer)
      this.#fullLengths.push(this.#length)
      this.#fullBytes += this.#length
    } else releaseBuffer(buffer)
    this.#buffer = undefined
    this.#length = 0
  }

  #writeDone(error?: Error | null): void {
    this.#writing = false
    this.taken += this.#inSocketBytes
    this.#inSocketBytes = 0
    // After an error libuv may still have the memory: leave it to the collector.
    if (!error && !this.#closed && this.#inSocket) releaseBuffer(this.#inSocket)
    this.#inSocket = undefined
    if (this.#closed) return
    this.onTaken?.()
    this.flush()
  }

  #leaveCongestion(): void {
    if (!this.congested || this.pending > LOW_WATER_BYTES) return
    this.congested = false
    this.#reader.onWritable()
  }

  #dropOutput(): void {
    this.#fullBuffers.length = 0
    this.#fullLengths.length = 0
    this.#fullBytes = 0
    this.#length = 0
  }

  #onClose(): void {
    if (this.#closeReported) return
    this.#closeReported = true
    this.#closed = true
    peerWatch.delete(this)
    this.#dropOutput()
    if (this.#buffer) releaseBuffer(this.#buffer)
    this.#buffer = undefined
    const reader = this.#reader
    this.#reader = NO_READER
    reader.onClose(this.#error)
  }
}

/**
 * Wraps a connected (or connecting) socket. It is to have no other reader or writer from now on; bytes that
 * were peeked go back by `socket.unshift` before. The flow starts on the tick after `reader` is set first.
 */
export function createTransport(socket: Socket, keepAlive?: TcpKeepAlive): Transport {
  return new SocketTransport(socket, keepAlive)
}
