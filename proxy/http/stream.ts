import type { Fields, RequestHead, ResponseHead } from './message.ts'

/**
 * The one interface that all four codecs (HTTP/1.1 and HTTP/2, server and client) speak, so that a
 * request can come in by one and leave by another. Callbacks, not events or promises: nothing is
 * allocated per chunk. All calls are synchronous and may re-enter.
 */

export type ResetReason =
  /** The peer or we gave the stream up (RST_STREAM CANCEL, connection closed by the client). */
  | 'cancel'
  /** The server certainly did not process it (REFUSED_STREAM, or beyond a GOAWAY's last id). */
  | 'refused'
  /** The connection ended before the message was whole. */
  | 'connection'
  /** The peer broke the protocol. */
  | 'protocol'
  /** A timer ran out. */
  | 'timeout'
  /** We gave a peer up that took nothing of what we send. */
  | 'stalled'
  /** Our own limit. */
  | 'overload'

/** The half that the peer sends, as told by a codec to whoever reads. */
export interface BodyReader {
  /** `chunk` is valid only during the call: copy what is kept. Never empty. */
  onData(chunk: Buffer): void
  /** The message is whole. Nothing follows from this half. */
  onEnd(trailers: Fields | undefined): void
  /** Both halves are dead. Called at most once, and not after both halves ended. */
  onReset(reason: ResetReason, detail: string): void
  /** After a `data()` that returned false: there is room again. */
  onWritable(): void
}

/** The half that we send, and control of the other. Calls after end or reset are ignored. */
export interface BodyWriter {
  /** Copies or sends `chunk` at once. False: hold more back until `onWritable` (it still took this one). */
  data(chunk: Uint8Array): boolean
  /** Ends our half. Trailers are dropped where the protocol or message has no place for them. */
  end(trailers: Fields | undefined): void
  /** Kills both halves; the reader hears nothing more. */
  reset(reason: ResetReason): void
  /** Stops `onData` soon (some may still come) and lets flow control hold the peer. */
  pause(): void
  resume(): void
}

export interface ServerStream extends BodyWriter {
  /** 1xx other than 101 (100, 103); ignored towards HTTP/1.0. */
  informational(head: ResponseHead): void
  /** Once. `end`: no body follows (also HEAD, 204, 304: a content-length there is only told). */
  head(head: ResponseHead, end: boolean): void
}

export interface ServerHandler {
  /** A request's head is here; `end`: it has no body. The head and its fields belong to the handler. */
  onRequest(stream: ServerStream, head: RequestHead, end: boolean): BodyReader
  /** A request that `onRequest` never saw was refused, with this status (0: reset); `code` says why, without the peer's bytes. */
  onRefused(status: number, code: string): void
  /** The connection is over; every open stream was reset before. */
  onClose(): void
}

/** A connection that a peer opened. */
export interface ServerConnection {
  /** GOAWAY or `connection: close`: finish what runs, then close. */
  drain(): void
  /** `reason`, for the readers of what was open: `stalled` when the peer took nothing of its answers. */
  destroy(reason?: ResetReason): void
  /** Once in a while: gives up streams whose peer has granted no window for what waits in them for `limitMs`. */
  sweep?(nowMs: number, limitMs: number): void
  /** Streams open now. */
  readonly active: number
}

export interface ClientStreamReader extends BodyReader {
  onInformational(head: ResponseHead): void
  /** Once, before data. `end`: no body. The head belongs to the reader. */
  onHead(head: ResponseHead, end: boolean): void
  /**
   * The peer is silent beyond what it may be, and no head of an answer is here: the request may go elsewhere, if it may
   * be repeated. It is not over: an answer may still come.
   */
  onSilent?(): void
}

/** A connection that we opened. */
export interface ClientConnection {
  readonly protocol: 'http/1.1' | 'h2'
  /** Streams that may be opened now: 0 or 1 for HTTP/1.1; 0 once draining or closed. */
  readonly free: number
  readonly active: number
  /** Streams that it carried before this moment: above 0, a failure may be the keep-alive race. */
  readonly carried: number
  /** How many streams the server takes at once, by its own word; undefined: it has not said, or has none. */
  readonly streamsTold?: number | undefined
  /** No stream will ever open again (GOAWAY, `connection: close`, end, error). */
  readonly closed: boolean
  /** The peer ended it while it carried nothing. */
  readonly closedIdle?: boolean
  /** The peer has ended it, though that was not read yet: a look at the kernel. */
  readonly endedByPeer?: boolean
  /** How long the peer said that it lets a connection wait (`Keep-Alive: timeout`), milliseconds. */
  readonly announcedIdleMs?: number | undefined
  open(head: RequestHead, end: boolean, reader: ClientStreamReader): ClientStream
  drain(): void
  destroy(): void
}

export interface ClientStream extends BodyWriter {
  /**
   * True once any byte of a response was seen, or the request certainly reached the application.
   * False with `onReset('refused')` means: repeat anything; with `onReset('connection')`: repeat
   * only what is idempotent.
   */
  readonly answered: boolean
  /** It was opened before the server had said that it takes so few: that it is refused says nothing about the server. */
  readonly early?: boolean
}

export interface ClientHandler {
  /** `free` or `closed` changed. */
  onChange(): void
  /** The peer owes a sign of life. Those who wait for it hear of it next. */
  onSilent?(): void
}
