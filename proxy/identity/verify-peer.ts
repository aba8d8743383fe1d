import type { TLSSocket } from 'node:tls'
import {
  clockHere,
  peerIdentity,
  type PeerExpectation,
  type PeerRefusal,
  type PeerResult,
} from '../../certs/peer.ts'

export type HandshakeRefusal =
  | PeerRefusal
  /** TLS itself trusts the peer no further: an unknown root, or nobody asked for a certificate. */
  | 'untrusted'
  /** Also a resumed session of the calling side, for which Node has no certificate. */
  | 'no_certificate'
  | 'unexpected_identity'

export interface PeerCheck extends PeerExpectation {
  /** SPIFFE IDs, any of which must answer; undefined: any of the trust domain. An empty list refuses everybody. */
  readonly expected: readonly string[] | undefined
}

const OF_TIME: ReadonlySet<string> = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'])

/**
 * The mesh's own check of who is at the other end, once per connection, after the handshake and before the first
 * byte, in both roles. It does not rest on `checkServerIdentity`, which Node leaves out for resumed sessions:
 * there `authorized` is true, and on the calling side no certificate can be had (CVE-2026-48934), so that such a
 * connection is refused. Callers should not offer sessions, and servers should set SSL_OP_NO_TICKET.
 */
export function verifyPeer(socket: TLSSocket, check: PeerCheck): PeerResult<HandshakeRefusal> {
  if (!socket.authorized) {
    // Node's types say Error, at run time it is a code such as SELF_SIGNED_CERT_IN_CHAIN, or null.
    const reason: unknown = socket.authorizationError
    const why = reason instanceof Error ? reason.message : typeof reason === 'string' ? reason : 'not checked'
    const clock = OF_TIME.has(why) ? `, ${clockHere(check.now)}` : ''
    return { ok: false, reason: 'untrusted', detail: `the certificate is not trusted: ${why}${clock}` }
  }
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) {
    const why = socket.isSessionReused()
      ? 'a resumed session shows no certificate'
      : 'no certificate was shown'
    return { ok: false, reason: 'no_certificate', detail: why }
  }
  const peer = peerIdentity(certificate, check)
  if (!peer.ok || !check.expected || check.expected.includes(peer.spiffeId)) return peer
  const wanted = check.expected.join(' or ') || 'nobody'
  return {
    ok: false,
    reason: 'unexpected_identity',
    detail: `${peer.spiffeId} answers where ${wanted} should`,
  }
}
