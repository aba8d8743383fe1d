import type { Fields, RequestHead, ResponseHead } from '../http/message.ts'
import type { ResetReason } from '../http/stream.ts'
import type { Hop } from '../model/hop.ts'
import type { ConnectionManager } from './connection-manager.ts'
import type { ReplayBuffer } from './replay-buffer.ts'
import type { LocalReply } from './reply.ts'
import type { RequestRecord } from './telemetry-sink.ts'

/** Whom a request is forwarded for: what of it is known, and where its answer goes. */
export interface Caller {
  readonly hop: Hop
  readonly manager: ConnectionManager
  readonly head: RequestHead
  readonly body: ReplayBuffer
  readonly record: RequestRecord
  /** When the request came, on the clock. */
  readonly startedAt: number
  /** The request began as HTTP/2, whatever carried it here. */
  readonly http2: boolean
  readonly grpc: boolean
  readonly wantsUpgrade: boolean
  informational(head: ResponseHead): void
  /** The upstream's answer begins; what was sent of the request need not be kept any more. */
  respond(head: ResponseHead, end: boolean): void
  /** False: no more until `Forwarding.resume`. */
  send(chunk: Buffer): boolean
  finish(trailers: Fields | undefined): void
  /** No answer, or no whole one, will come. `reason` breaks off one that had begun. */
  fail(flags: number, reply: LocalReply, reason: ResetReason): void
  /** To a sidecar of ours: nothing of the request was sent on, it may go elsewhere. */
  refuse(flags: number, details: string): void
  /** Holds the request's body back, and lets it come again. */
  pause(): void
  proceed(): void
}
