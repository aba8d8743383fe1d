import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { WeftError } from '../../core/errors.ts'

export interface GrpcService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
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

const OPTIONS = {
  // A client that is gone without a word is noticed; one that pings more often than it may is not cut off.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Streams move to other replicas and show a fresh token now and then; a client takes up where it was.
  'grpc.max_connection_age_ms': 30 * 60_000,
  'grpc.max_connection_age_grace_ms': 10_000,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
}

const CLOSE_GRACE_MS = 1000

/** Serves gRPC with these credentials. Throws WeftError `serve.listen` naming the flag when the port can't be had. */
export async function serveGrpc(
  flag: string,
  { host, port }: GrpcAddress,
  credentials: ServerCredentials,
  services: readonly GrpcService[],
): Promise<RunningGrpcServer> {
  const server = new Server(OPTIONS)
  for (const { definition, implementation } of services) server.addService(definition, implementation)
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(target, credentials, (error, at) => {
      if (!error) return resolve(at)
      const message = `cannot listen on ${target}: ${error.message}`
      reject(new WeftError('serve.listen', message, { field: flag, cause: error }))
    }),
  )
  return {
    port: bound,
    async close(withinMs = 0) {
      // First: whose stream ends then comes back on another connection, which leads elsewhere.
      const finished = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      await Promise.all(services.map(async (service) => service.close?.(withinMs)))
      const timer = setTimeout(() => server.forceShutdown(), CLOSE_GRACE_MS)
      await finished
      clearTimeout(timer)
    },
  }
}
