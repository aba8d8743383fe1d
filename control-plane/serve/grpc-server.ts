import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { capHandshakes, HANDSHAKE_CAP } from '../../core/handshake-cap.ts'
import type { Logger } from '../../core/log.ts'
import { Allowances, type CallerLimits } from './admission/allowance.ts'
import { CONNECTION_LIMITS, Connections } from './admission/connections.ts'
import { admission, type AdmissionOptions, type MethodReading } from './admission/interceptor.ts'
import { NewCalls } from './admission/new-calls.ts'
import { RefusalLog } from './admission/refusal-log.ts'
import { guardStreams, http2ServersOf } from './admission/streams.ts'

export interface GrpcService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
  /** What is refused when a caller is, for the log; default `call`. */
  readonly title?: string
  /** Bytes of the longest message that its callers send; default LONGEST_MESSAGE. */
  readonly longestMessage?: number
  /** What a message of it counts for beyond its bytes, in bytes of what its caller may send; default nothing. */
  readonly weigh?: (message: unknown) => number
  /** Its messages reach it as bytes: it decodes them itself. */
  readonly raw?: boolean
  /** Ends the service's streams within so many milliseconds; their clients hear that they are to go elsewhere. */
  close?(withinMs: number): Promise<void>
}

export interface GrpcAddress {
  readonly host: string
  readonly port: number
}

export interface RunningGrpcServer {
  readonly port: number
  /**
   * Takes no connection more and tells those there are to go (GOAWAY), ends the services' streams within so many
   * milliseconds, gives other calls a moment, and then ends what is left.
   */
  close(withinMs?: number): Promise<void>
}

/** Bytes of the longest message that is read at all: a stream's first request with some 50,000 names. */
export const LONGEST_MESSAGE = 2 * 1024 * 1024

const OPTIONS = {
  // A client that is gone without a word is noticed; one that pings more often than it may is not cut off.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Streams move to other replicas and show a fresh token now and then; a client takes up where it was.
  'grpc.max_connection_age_ms': 30 * 60_000,
  'grpc.max_connection_age_grace_ms': 10_000,
  'grpc.max_receive_message_length': LONGEST_MESSAGE,
  // A sidecar has three at most. Each may hold the first window of a message (64 KiB) before its caller is known.
  'grpc.max_concurrent_streams': 32,
  'grpc.enable_channelz': 0,
}

const CLOSE_GRACE_MS = 1000
/** Where nobody is asked who calls, all callers are one. */
const NOBODY_ASKED = { ...CONNECTION_LIMITS, perCaller: 4096 }

export interface GrpcServing {
  readonly credentials: ServerCredentials
  readonly services: readonly GrpcService[]
  /** Who calls, by metadata and source address; throws GrpcError. Undefined: nobody is asked, all are served. */
  readonly authenticate: AdmissionOptions['authenticate'] | undefined
  /** Of each caller; default CALLER_LIMITS. */
  readonly callerLimits?: CallerLimits | undefined
  readonly log: Logger
  /** Told of each call that is not let in, with its gRPC status, `CONNECTION` where its connection was ended. */
  readonly refused?: (status: string) => void
  /** Of the time that handshakes take. */
  readonly clock?: Clock
}

/**
 * Serves gRPC with these credentials; admission/ says to whom and how much. Throws WeftError `serve.listen` naming the
 * flag when the port can't be had.
 */
export async function serveGrpc(
  flag: string,
  { host, port }: GrpcAddress,
  { credentials, services, authenticate, callerLimits, log, refused, clock }: GrpcServing,
): Promise<RunningGrpcServer> {
  const connections = new Connections(authenticate ? CONNECTION_LIMITS : NOBODY_ASKED)
  const methods = new Map(services.flatMap((service) => [...readingsOf(service)]))
  const allowances = new Allowances(callerLimits)
  const refusals = new RefusalLog(log, systemClock, undefined, refused)
  const calls = new NewCalls()
  const server = new Server({
    ...OPTIONS,
    interceptors: [
      admission({
        authenticate: authenticate ?? nobody,
        connections,
        allowances,
        methods,
        calls,
        refusals,
      }),
    ],
  })
  for (const { definition, implementation } of services)
    server.addService(undecoded(definition), implementation)
  const injector = server.createConnectionInjector(credentials)
  for (const http2 of http2ServersOf(server)) {
    if (http2 instanceof TlsServer) capHandshakes(http2, HANDSHAKE_CAP, clock)
    guardStreams(http2, {
      connections,
      allowances,
      longest: (path) => methods.get(path)?.longest ?? 0,
      callersKnown: authenticate !== undefined,
      calls,
      refusals,
    })
  }
  const listener = createServer({ noDelay: true }, (socket: Socket) => {
    // Of a TLS connection nobody else listens to the socket below.
    socket.on('error', () => socket.destroy())
    connections.accept(socket)
    injector.injectConnection(socket)
  })
  const bound = await listen(listener, flag, host, port)
  return {
    port: bound,
    async close(withinMs = 0) {
      // First: whose stream ends then comes back on another connection, which leads elsewhere.
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()))
      const finished = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      await Promise.all(services.map(async (service) => service.close?.(withinMs)))
      const timer = setTimeout(() => {
        server.forceShutdown()
        connections.end()
      }, CLOSE_GRACE_MS)
      await finished
      // A session is over before the last of it has left its socket, and some connections never became one.
      await closed
      clearTimeout(timer)
    },
  }
}

async function nobody(): Promise<undefined> {}

function listen(listener: NetServer, flag: string, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once('error', (error) => {
      const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
      const message = `cannot listen on ${target}: ${describeError(error)}`
      reject(new WeftError('serve.listen', message, { field: flag, cause: error }))
    })
    listener.listen({ host, port }, () => {
      const at = listener.address()
      resolve(typeof at === 'object' && at ? at.port : port)
    })
  })
}

/** The definition with messages left as bytes: they are decoded when their caller was let in. */
function undecoded(definition: ServiceDefinition): ServiceDefinition {
  const entries = Object.entries(definition).map(([name, method]) => [
    name,
    { ...method, requestDeserialize: (bytes: Buffer) => bytes },
  ])
  return Object.fromEntries(entries) as ServiceDefinition
}

function* readingsOf({
  definition,
  title = 'call',
  longestMessage = LONGEST_MESSAGE,
  raw = false,
  weigh = () => 0,
}: GrpcService): Generator<[string, MethodReading]> {
  for (const { path, requestStream, requestDeserialize } of Object.values(definition)) {
    const decode = raw
      ? (bytes: Uint8Array): unknown => bytes
      : (bytes: Uint8Array): unknown =>
          requestDeserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    yield [path, { title, longest: longestMessage, weigh, stream: requestStream, decode }]
  }
}
