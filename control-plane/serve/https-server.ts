import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { capConnections, type ConnectionCap } from '../../core/connection-cap.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { capHandshakes, HANDSHAKE_CAP } from '../../core/handshake-cap.ts'
import type { Logger } from '../../core/log.ts'
import type { ServingCertificate } from '../../core/serving-certificate.ts'
import type { Watchable } from '../../core/watched.ts'
import type { GrpcAddress } from './grpc-server.ts'

export interface HttpsServerOptions {
  readonly address: GrpcAddress
  /** Replaced while running: new connections get the new one. */
  readonly certificate: Watchable<ServingCertificate>
  readonly connections: ConnectionCap
  /** For a request, and for its head; milliseconds. */
  readonly patienceMs: number
  readonly log: Logger
}

export interface RunningHttpsServer {
  readonly port: number
  close(): Promise<void>
}

/** The pages of `app` over TLS 1.3, beside where it listens itself. Throws WeftError `serve.listen`. */
export async function serveHttps(
  app: Pick<FastifyInstance, 'routing'>,
  { address, certificate, connections, patienceMs, log }: HttpsServerOptions,
): Promise<RunningHttpsServer> {
  const server = createServer(
    {
      ...contextOf(certificate.value),
      requestTimeout: patienceMs,
      headersTimeout: patienceMs,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => app.routing(request, response),
  )
  capHandshakes(server, HANDSHAKE_CAP)
  capConnections(server, connections)
  server.on('tlsClientError', (error) => log.debug('handshake failed', { cause: describeError(error) }))
  const unwatch = certificate.watch((now) => server.setSecureContext(contextOf(now)))
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(address.port, address.host, resolve)
  try {
    await listening
  } catch (cause) {
    unwatch()
    const message = `cannot listen on ${address.host}:${address.port}: ${describeError(cause)}`
    throw new WeftError('serve.listen', message, { field: '--https', cause })
  }
  server.off('error', reject)
  server.on('error', (error) => log.warn('the server of --https', { cause: describeError(error) }))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((done) => {
        unwatch()
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

function contextOf({ certPem, keyPem }: ServingCertificate) {
  return { cert: certPem, key: keyPem, minVersion: 'TLSv1.3' as const }
}
