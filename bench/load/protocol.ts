import type { RunResult } from './meter.ts'

/**
 * What a case's load speaks. `connect`: a new connection for each exchange; `hold`: connections that are used
 * during the warm-up and then stay open and idle; `traced`: HTTP/1.1 whose requests are each of a trace.
 */
export type LoadKind = 'http1' | 'traced' | 'grpc' | 'tcp' | 'connect' | 'hold'

/** One turn of load against one proxy; the first message to the load's process, and each after it. */
export interface LoadRequest {
  readonly kind: LoadKind
  readonly port: number
  /** How many at once: connections, or for gRPC streams (64 a connection). */
  readonly connections: number
  readonly warmupMs: number
  readonly windowMs: number
  /** Bytes of each answer's body (HTTP, gRPC) or of each message (TCP). */
  readonly size: number
  /** Of each proxy its process and what that started: CPU is read at both ends of the window, memory at its end. */
  readonly proxies: readonly (readonly number[])[]
  /** The CPU that the proxies run on; undefined: any. */
  readonly cpu: number | undefined
}

export type LoadReply = ({ readonly ok: true } & RunResult) | { readonly ok: false; readonly error: string }
