/**
 * A byte stream under a codec: a plaintext or TLS socket whose writes are gathered and leave as one
 * write per event-loop turn (one TLS record and one system call for many requests under load).
 */
export interface Transport {
  /** Copies `bytes` into the turn's output. */
  write(bytes: Uint8Array): void
  /** Appends text, one byte a char. */
  writeLatin1(text: string): void
  /** A buffer with at least `size` free bytes from `at`; call `commit` with the count that was filled. */
  reserve(size: number): { buffer: Buffer; at: number }
  commit(size: number): void
  /** Bytes not yet taken by the kernel exceed the high-water mark: hold back until `onWritable`. */
  readonly congested: boolean
  /** Bytes given to the socket so far; what still gathers does not count. */
  readonly handed?: number
  /** Bytes that the kernel has taken so far. */
  readonly taken?: number
  /** Bytes that the kernel has not taken yet. */
  readonly pending?: number
  /** Asks the kernel whether a FIN or RST of the peer is here that was not read yet. */
  readonly endedByPeer?: boolean
  /** Sends what is gathered, then FIN. */
  end(): void
  /** Drops everything at once; `onClose` follows. */
  destroy(): void
  /** Sends a TCP RST where the socket can. */
  abort(): void
  pause(): void
  resume(): void
  /** Set once by the codec that owns the transport; replaced when a connection is upgraded. */
  reader: TransportReader
  readonly remote: string
}

export interface TransportReader {
  /** Valid only during the call: copy what is kept. */
  onData(chunk: Buffer): void
  /** The peer sent FIN. */
  onEnd(): void
  onWritable(): void
  /** Somebody waits for what the peer does. Left out: nobody. */
  readonly awaitsPeer?: boolean
  /** Somebody waits for the head of an answer, and no other means tells whether the peer is there. Left out: nobody. */
  readonly awaitsAnswer?: boolean
  /** Nothing acknowledges what was sent (true), or something does after all (false). */
  onPeerSilent?(silent: boolean): void
  /** Last call. `error` is undefined after an orderly end. */
  onClose(error: Error | undefined): void
}
