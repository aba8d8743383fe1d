import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import * as tls from 'node:tls'
import { describeError } from '../../core/errors.ts'
import type { DownstreamTls } from '../model/tls.ts'
import {
  checkMeshPeer,
  checkNamedPeer,
  type PeerCheck,
  type ReadSpiffeId,
} from '../transport/peer-identity.ts'
import { isMesh, type TlsContexts } from '../transport/tls-contexts.ts'

export type Terminated =
  | { readonly ok: true; readonly socket: tls.TLSSocket; readonly alpn: string; readonly identity: string }
  | { readonly ok: false; readonly reason: string }

const HANDSHAKE_TIMEOUT_MS = 10_000

/**
 * Ends TLS on sockets that somebody else accepted. One tls.Server per settings, never listening: a bare
 * TLSSocket would hand over data from a client whose certificate nobody trusts, because only the server's
 * own connection listener enforces rejectUnauthorized.
 */
export class TlsTermination {
  readonly #contexts: TlsContexts
  readonly #readSpiffeId: ReadSpiffeId
  #servers = new WeakMap<DownstreamTls, tls.Server>()
  /** By remote address and port, unique among live connections to one local address. */
  readonly #pending = new Map<string, (secure: tls.TLSSocket | undefined, reason: string) => void>()

  constructor(contexts: TlsContexts, readSpiffeId: ReadSpiffeId) {
    this.#contexts = contexts
    this.#readSpiffeId = readSpiffeId
    contexts.secrets.watch(() => {
      this.#servers = new WeakMap()
    })
  }

  /** `done` once. A refused peer's socket is destroyed. */
  terminate(socket: Socket, settings: DownstreamTls, done: (result: Terminated) => void): void {
    let server: tls.Server
    try {
      server = this.#server(settings)
    } catch (error) {
      socket.destroy()
      return done({ ok: false, reason: describeError(error) })
    }
    const key = connectionKey(socket)
    const settle = (secure: tls.TLSSocket | undefined, reason: string): void => {
      if (this.#pending.get(key) !== settle) return
      this.#pending.delete(key)
      socket.off('close', onClose)
      if (!secure) {
        socket.destroy()
        return done({ ok: false, reason })
      }
      secure.on('error', () => {})
      const peer = this.#check(secure, settings)
      if (!peer.ok) {
        secure.destroy()
        return done(peer)
      }
      done({ ok: true, socket: secure, alpn: secure.alpnProtocol || '', identity: peer.id })
    }
    const onClose = (): void => settle(undefined, 'closed in the TLS handshake')
    this.#pending.set(key, settle)
    socket.on('close', onClose)
    socket.on('error', () => {})
    server.emit('connection', socket)
  }

  #check(secure: tls.TLSSocket, settings: DownstreamTls): PeerCheck {
    if (!settings.validation) return { ok: true, id: '' }
    const matchers = settings.validation.subjectAltNames
    if (isMesh(settings.validation)) return checkMeshPeer(secure, this.#readSpiffeId, matchers, '')
    return settings.requireClientCertificate || secure.authorized
      ? checkNamedPeer(secure, matchers)
      : { ok: true, id: '' }
  }

  #server(settings: DownstreamTls): tls.Server {
    const known = this.#servers.get(settings)
    if (known) return known
    const server = tls.createServer({
      ...this.#contexts.options(settings),
      // A resumed session would skip the caller's look at our certificate; links live long enough without.
      secureOptions: constants.SSL_OP_NO_TICKET,
      // The client's order does not count (RFC 7301 section 3.2); no common protocol ends the handshake.
      ...(settings.alpn.length > 0
        ? {
            ALPNCallback: ({ protocols }: { protocols: string[] }) =>
              settings.alpn.find((own) => protocols.includes(own)),
          }
        : {}),
      requestCert: settings.validation !== undefined,
      rejectUnauthorized: settings.requireClientCertificate,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    })
    server.on('secureConnection', (secure: tls.TLSSocket) =>
      this.#pending.get(connectionKey(secure))?.(secure, ''),
    )
    server.on('tlsClientError', (error: Error, secure: tls.TLSSocket) => {
      this.#pending.get(connectionKey(secure))?.(undefined, describeError(error))
    })
    this.#servers.set(settings, server)
    return server
  }
}

function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}|${socket.localAddress}|${socket.localPort}`
}
