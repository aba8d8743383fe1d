import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { OUTBOUND_LISTENER_PREFIX } from '../core/contract.ts'
import { ResponseFlag } from './model/response-flag.ts'
import type { TelemetrySink } from './exchange/telemetry-sink.ts'
import type { ConnectionServer } from './listener/connection-server.ts'
import { forbiddenDestination, type OwnPorts } from './listener/forbidden-destination.ts'
import type { Configuration } from './model/configuration.ts'
import type { Listener } from './model/listener.ts'
import { direct } from './transport/direct-socket.ts'
import { outcomeOf, relay } from './tcp/relay.ts'
import { newConnectionRecord } from './tcp/tcp-route.ts'
import {
  formatDestination,
  plainAddress,
  type Destination,
  type OriginalDestination,
} from './transport/original-destination.ts'
import type { Connector } from './upstream/connector.ts'

export interface OutboundDependencies {
  readonly configuration: Configuration
  readonly connections: ConnectionServer
  readonly connector: Connector
  readonly telemetry: TelemetrySink
  readonly originalDestination: OriginalDestination
  /** How long a connection to a destination that nobody has asked for before waits for its answer. Milliseconds. */
  readonly configWaitMs: number
  /** Monotonic. */
  readonly clock: Clock
  readonly ownAddresses: ReadonlySet<string>
  readonly ownPorts: () => OwnPorts
  /** How long a connection past the mesh may carry nothing; 0: for ever. Milliseconds. */
  readonly passthroughIdleMs: number
  /** False: too many are open, and this one was closed. */
  readonly admit: (socket: Socket) => boolean
}

const PASSTHROUGH = 'PassthroughCluster'

/**
 * The outbound path, from a connection that the application made: where did it want to go, what does
 * the mesh know of that, who serves it. One step a line in `arrived`; the rest is in the folders it names.
 */
export function createOutbound(deps: OutboundDependencies): Server {
  const { clock } = deps
  return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
    arrived(direct(socket)),
  )

  function arrived(socket: Socket): void {
    socket.on('error', ignore)
    if (!deps.admit(socket)) return
    const destination = deps.originalDestination(socket)
    if (!destination || isOurselves(socket, destination)) return refuse(socket, 'not_redirected')
    const forbidden = forbiddenDestination('outbound', destination, deps.ownAddresses, deps.ownPorts())
    if (forbidden) return refuse(socket, forbidden)
    const name = OUTBOUND_LISTENER_PREFIX + formatDestination(destination)
    whenKnown(socket, name, (listener) => {
      if (listener) return mesh(socket, listener, destination)
      // Known not to be of the mesh: passed on untouched. Not known: waiting failed, and guessing would
      // send plaintext to what may be a STRICT service, or to somebody else who has the address now.
      if (listener === null) return passThrough(socket, destination)
      refuse(socket, 'destination_unknown{no answer from the control plane}')
    })
  }

  function whenKnown(
    socket: Socket,
    name: string,
    then: (listener: Listener | null | undefined) => void,
  ): void {
    const watched = deps.configuration.listener(name)
    if (watched.value !== undefined) return then(watched.value)
    const finish = (): void => {
      cancelTimer()
      unwatch()
      socket.off('close', abandon)
      then(watched.value)
    }
    const abandon = (): void => {
      cancelTimer()
      unwatch()
    }
    const cancelTimer = clock.after(deps.configWaitMs, finish)
    const unwatch = watched.watch(finish)
    socket.on('close', abandon)
  }

  function mesh(socket: Socket, listener: Listener, destination: Destination): void {
    deps.connections.serve(socket, listener, {
      direction: 'outbound',
      original: destination,
      destination,
      downstream: peerOf(socket),
    })
  }

  function passThrough(socket: Socket, destination: Destination): void {
    const startedAt = clock.now()
    const record = newConnectionRecord(hop(socket), PASSTHROUGH, startedAt)
    record.upstream = formatDestination(destination)
    const end = (flags: number, details: string): void => {
      record.flags = flags
      record.details = details
      record.durationMs = clock.now() - startedAt
      deps.telemetry.connectionFinished(record)
    }
    const target = {
      host: destination.host,
      port: destination.port,
      tls: undefined,
      identity: '',
      purpose: 'tcp' as const,
      timeoutMs: 10_000,
    }
    deps.connector(target, (connected, failure) => {
      if (!connected) {
        socket.resetAndDestroy()
        return end(failure?.flags ?? ResponseFlag.UF, failure?.details ?? '')
      }
      record.opened = true
      deps.telemetry.connectionOpened(record)
      relay(socket, connected.socket, { clock, idleTimeoutMs: deps.passthroughIdleMs }, (over) => {
        record.bytesReceived = over.sent
        record.bytesSent = over.received
        const { flags, details } = outcomeOf(over)
        end(flags, details)
      })
    })
  }

  function refuse(socket: Socket, details: string): void {
    socket.resetAndDestroy()
    const record = newConnectionRecord(hop(socket), '', clock.now())
    record.flags = ResponseFlag.NR
    record.details = details
    deps.telemetry.connectionFinished(record)
  }

  function hop(socket: Socket) {
    return { direction: 'outbound' as const, downstream: peerOf(socket), sourceIdentity: '' }
  }
}

/** Nobody redirected it: it came to our own port, which must not become an open relay or a loop. */
export function isOurselves(socket: Socket, destination: Destination): boolean {
  return destination.port === socket.localPort && destination.host === plainAddress(socket.localAddress)
}

/** `ip:port` of the peer. */
export function peerOf(socket: Socket): string {
  return formatDestination({ host: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 })
}

function ignore(): void {}
