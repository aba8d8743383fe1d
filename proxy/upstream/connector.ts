import * as net from 'node:net'
import * as tls from 'node:tls'
import { monotonicClock, type Clock } from '../../core/clock.ts'
import { ALPN_TCP } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { UpstreamTls } from '../model/tls.ts'
import { DirectSocket } from '../transport/direct-socket.ts'
import { checkMeshPeer, checkNamedPeer, type ReadSpiffeId } from '../transport/peer-identity.ts'
import { isMesh, type TlsContexts } from '../transport/tls-contexts.ts'

export interface ConnectTarget {
  readonly host: string
  readonly port: number
  readonly tls: UpstreamTls | undefined
  /** SPIFFE ID that must answer, or ''. */
  readonly identity: string
  /** Goes before everything else, TLS too. */
  readonly header?: Buffer | undefined
  /** Of the cluster's ALPN list, TCP offers `weft-tcp` alone and HTTP everything else. */
  readonly purpose: 'http' | 'tcp'
  readonly timeoutMs: number
}

export interface Connected {
  readonly socket: net.Socket | tls.TLSSocket
  /** Negotiated protocol, or ''. */
  readonly alpn: string
  /** Who answered, or ''. */
  readonly identity: string
}

export interface ConnectFailure {
  /**
   * `connect`: no connection came about, or not to whom it should. `overflow`: too many wait already, nothing was tried.
   * `removed`: the endpoint has left the cluster, which says nothing about the request: it belongs elsewhere at once,
   * whatever the retry rule says.
   */
  readonly reason: 'connect' | 'overflow' | 'removed'
  /** Of ResponseFlag. */
  readonly flags: number
  /** Envoy's code details, e.g. `upstream_connect_timeout`. */
  readonly details: string
}

/** Exactly one of the two is there. */
export type ConnectDone = (connected: Connected | undefined, failure: ConnectFailure | undefined) => void

/** Starts a connection; `done` is called once, never synchronously, and not after `cancel`. */
export type Connector = (target: ConnectTarget, done: ConnectDone) => { cancel(): void }

export const ENDPOINT_REMOVED: ConnectFailure = {
  reason: 'removed',
  flags: ResponseFlag.UF,
  details: 'upstream_endpoint_removed',
}

/** Opens a connection, ends the TLS handshake and checks who answered, before the caller can send a byte. */
export function createConnector(
  contexts: TlsContexts,
  readSpiffeId: ReadSpiffeId,
  clock: Clock = monotonicClock,
): Connector {
  return (target, done) => {
    let settled = false
    let socket: net.Socket | tls.TLSSocket | undefined
    const stopTimer = clock.after(target.timeoutMs, () => fail(ResponseFlag.UF, 'upstream_connect_timeout'))

    const fail = (flags: number, details: string): void => {
      if (settled) return
      settled = true
      stopTimer()
      socket?.destroy()
      done(undefined, { reason: 'connect', flags, details })
    }
    const succeed = (connected: Connected): void => {
      if (settled) return
      settled = true
      stopTimer()
      connected.socket.off('error', onError)
      connected.socket.off('close', onClose)
      done(connected, undefined)
    }
    const onError = (error: Error): void =>
      fail(ResponseFlag.UF, `upstream_connect_failure{${describeError(error)}}`)
    const onClose = (): void => fail(ResponseFlag.UF, 'upstream_connect_failure{closed in the handshake}')

    const refuse = (error: unknown): void => fail(ResponseFlag.UF, `upstream_tls{${describeError(error)}}`)
    const watch = <S extends net.Socket>(opening: S): S => {
      socket = opening
      opening.on('error', onError)
      opening.on('close', onClose)
      return opening
    }
    const secure = (
      settings: UpstreamTls,
      via: { socket: net.Socket } | { host: string; port: number },
    ): void => {
      const opening = watch(
        tls.connect({
          ...via,
          secureContext: contexts.context(settings),
          ALPNProtocols: alpnFor(settings.alpn, target.purpose),
          servername: settings.sni,
          rejectUnauthorized: settings.validation !== undefined,
          checkServerIdentity: () => undefined,
        }),
      )
      opening.setNoDelay(true)
      opening.once('secureConnect', () => {
        const peer = isMesh(settings.validation)
          ? checkMeshPeer(opening, readSpiffeId, settings.validation?.subjectAltNames ?? [], target.identity)
          : checkNamedPeer(opening, settings.validation?.subjectAltNames ?? [])
        if (!peer.ok) return fail(ResponseFlag.UF | ResponseFlag.UAEX, `upstream_identity{${peer.reason}}`)
        succeed({ socket: opening, alpn: opening.alpnProtocol || '', identity: peer.id })
      })
    }

    const { header, host, port, tls: settings } = target
    try {
      if (settings && !header) secure(settings, { host, port })
      else {
        const plain = watch(settings ? new net.Socket() : new DirectSocket())
        plain.setNoDelay(true)
        plain.connect({ host, port })
        plain.once('connect', () => {
          if (header) plain.write(header)
          if (!settings) return succeed({ socket: plain, alpn: '', identity: '' })
          try {
            secure(settings, { socket: plain })
          } catch (error) {
            refuse(error)
          }
        })
      }
    } catch (error) {
      setImmediate(() => refuse(error))
    }
    return {
      cancel() {
        if (settled) return
        settled = true
        stopTimer()
        socket?.on('error', () => {})
        socket?.destroy()
      },
    }
  }
}

/** What a connection offers of its cluster's protocols. */
export function alpnFor(offered: readonly string[], purpose: 'http' | 'tcp'): string[] {
  if (purpose === 'tcp') return offered.includes(ALPN_TCP) ? [ALPN_TCP] : []
  return offered.filter((protocol) => protocol !== ALPN_TCP)
}
