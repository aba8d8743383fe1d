import {
  constants,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { status, type Server } from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { GrpcError } from '../tokens/grpc-error.ts'
import type { Allowances } from './allowance.ts'
import type { Connection, Connections } from './connections.ts'
import { ACCEPT_ENCODING, ENCODING, IDENTITY } from './encoding.ts'
import { Framing } from './framing.ts'
import type { NewCalls } from './new-calls.ts'
import type { RefusalLog } from './refusal-log.ts'

export interface StreamGuardOptions {
  readonly connections: Connections
  readonly allowances: Allowances
  /** Bytes of the longest message, by the path of the method. */
  readonly longest: (path: string) => number
  /** Whether callers are told apart, so that each has allowances. */
  readonly callersKnown: boolean
  readonly calls: NewCalls
  readonly refusals: RefusalLog
  readonly clock?: Clock
}

/** The HTTP/2 servers under a gRPC server. Throws WeftError where this grpc-js has them no longer. */
export function http2ServersOf(server: Server): readonly (Http2Server | Http2SecureServer)[] {
  const { http2Servers } = server as unknown as { readonly http2Servers?: unknown }
  if (http2Servers instanceof Map) return [...http2Servers.keys()]
  throw new WeftError('serve.grpc_js', 'this version of @grpc/grpc-js keeps its HTTP/2 servers elsewhere')
}

/**
 * Stands before grpc-js, which would start a decompression for each message, keep each piece of one that never ends, and
 * answer any number of calls of methods that there are not. Looks at each stream as HTTP/2 has it: refused is one that
 * says another encoding than `identity`, or whose messages are none that an honest caller sends; a connection ends that
 * opens too many.
 */
export function guardStreams(server: Http2Server | Http2SecureServer, options: StreamGuardOptions): void {
  const { connections, allowances, calls, refusals, clock = systemClock } = options
  const handlers = server.listeners('stream')
  server.removeAllListeners('stream')
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...more) => {
    const socket = stream.session?.socket
    const connection = connections.of(socket?.remoteAddress, socket?.remotePort)
    if (connection && !mayOpen(connection)) {
      refusals.tell('connection ended', { peer: connection.address, reason: 'too many streams' })
      stream.on('error', () => {})
      stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM)
      stream.session?.destroy()
      return
    }
    endWithAnswer(stream, clock)
    if ((headers[ENCODING] ?? IDENTITY) !== IDENTITY) {
      const reason = `${ENCODING}: only ${IDENTITY} is served`
      refusals.tell('call refused', { peer: connection?.address, status: 'UNIMPLEMENTED', reason })
      stream.on('error', () => {})
      if (connection) connections.refused(connection)
      return answerUnimplemented(stream, reason)
    }
    const refuse = calls.during(() => {
      for (const handle of handlers) Reflect.apply(handle, server, [stream, headers, ...more])
    })
    if (refuse) followMessages(stream, connection, String(headers[':path']), refuse)
  })

  const mayOpen = (connection: Connection): boolean => {
    if (!connections.opened(connection)) return false
    return connection.caller === undefined || !options.callersKnown || allowances.opens(connection.caller)
  }

  /** Before grpc-js keeps anything of them, and only while it reads. */
  const followMessages = (
    stream: ServerHttp2Stream,
    connection: Connection | undefined,
    path: string,
    refuse: (refusal: GrpcError) => void,
  ): void => {
    const framing = new Framing(options.longest(path))
    let held = 0
    let holder: string | undefined
    const hold = (bytes: number): boolean => {
      if (holder === undefined || bytes === held) return true
      const more = bytes - held
      held = bytes
      return allowances.hold(holder, more)
    }
    stream.prependListener('data', (chunk: Buffer) => {
      if (options.callersKnown) holder ??= connection?.caller
      const wrong = framing.take(chunk)
      if (wrong) return refuse(wrong)
      if (hold(framing.partial)) return
      refuse(new GrpcError(status.RESOURCE_EXHAUSTED, 'too many unfinished messages of the caller: end some'))
    })
    stream.once('close', () => hold(0))
  }
}

/** Of a call that grpc-js has not seen yet. */
function answerUnimplemented(stream: ServerHttp2Stream, details: string): void {
  const answer = {
    ':status': 200,
    'content-type': 'application/grpc',
    [ACCEPT_ENCODING]: IDENTITY,
    'grpc-status': status.UNIMPLEMENTED,
    'grpc-message': details,
  }
  stream.respond(answer, { endStream: true })
}

/** So long has a caller to end a request that was answered; honest ones do at once, and need not lose the answer to a reset. */
const LEAVE_MS = 3000

/** A call that was answered before its request ended leaves nothing open (RFC 9113 section 8.1). */
function endWithAnswer(stream: ServerHttp2Stream, clock: Clock): void {
  if (stream.endAfterHeaders) return
  stream.once('finish', () => {
    if (stream.readableEnded) return
    const cancel = clock.after(LEAVE_MS, () => stream.close(constants.NGHTTP2_NO_ERROR))
    stream.once('close', cancel)
  })
}
