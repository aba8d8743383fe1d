import { createServer, type Server, type Socket } from 'node:net'
import { INBOUND_LISTENER } from '../core/contract.ts'
import { ResponseFlag } from './model/response-flag.ts'
import type { TelemetrySink } from './exchange/telemetry-sink.ts'
import type { ConnectionServer } from './listener/connection-server.ts'
import { forbiddenDestination, type OwnPorts } from './listener/forbidden-destination.ts'
import type { Configuration } from './model/configuration.ts'
import { isOurselves, peerOf } from './outbound.ts'
import { newConnectionRecord } from './tcp/tcp-route.ts'
import { direct } from './transport/direct-socket.ts'
import type { OriginalDestination } from './transport/original-destination.ts'

export interface InboundDependencies {
  readonly configuration: Configuration
  readonly connections: ConnectionServer
  readonly telemetry: TelemetrySink
  readonly originalDestination: OriginalDestination
  readonly ownAddresses: ReadonlySet<string>
  readonly ownPorts: () => OwnPorts
  /** False: too many are open, and this one was closed. */
  readonly admit: (socket: Socket) => boolean
}

/**
 * The inbound path, from a connection that somebody made to this pod: which port did it want, does the
 * pod's policy take it (filter chain: mTLS, plaintext), then the application.
 */
export function createInbound(deps: InboundDependencies): Server {
  return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
    arrived(direct(socket)),
  )

  function arrived(socket: Socket): void {
    socket.on('error', () => {})
    if (!deps.admit(socket)) return
    const destination = deps.originalDestination(socket)
    if (!destination || isOurselves(socket, destination)) return refuse(socket, 'not_redirected')
    const forbidden = forbiddenDestination('inbound', destination, deps.ownAddresses, deps.ownPorts())
    if (forbidden) return refuse(socket, forbidden)
    // Without a policy nothing is let in: never fail open.
    const listener = deps.configuration.listener(INBOUND_LISTENER).value
    if (!listener) return refuse(socket, 'inbound_listener_not_known')
    deps.connections.serve(socket, listener, {
      direction: 'inbound',
      original: destination,
      destination,
      downstream: peerOf(socket),
    })
  }

  function refuse(socket: Socket, details: string): void {
    const record = newConnectionRecord(
      { direction: 'inbound', downstream: peerOf(socket), sourceIdentity: '' },
      '',
    )
    socket.resetAndDestroy()
    record.flags = ResponseFlag.NR
    record.details = details
    deps.telemetry.connectionFinished(record)
  }
}
