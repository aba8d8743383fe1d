import type { TLSSocket } from 'node:tls'
import type { SanMatcher, TlsValidation } from '../model/tls.ts'
import { isMesh } from './tls-contexts.ts'

/**
 * `id`: the peer's SPIFFE ID or first matching DNS name, '' when it has no certificate. `otherNames`: the same workload's
 * ID in other names of the mesh's trust domain.
 */
export type PeerCheck =
  | { readonly ok: true; readonly id: string; readonly otherNames?: readonly string[] }
  | { readonly ok: false; readonly reason: string }

/** The SPIFFE ID of a mesh peer, or why it has none; see proxy/identity. */
export type ReadSpiffeId = (socket: TLSSocket) => PeerCheck

/**
 * The mesh's own check after a handshake whose chain OpenSSL has verified, before the first byte is used, in
 * both roles: Node does not call checkServerIdentity for a resumed session.
 */
export function checkMeshPeer(
  socket: TLSSocket,
  readSpiffeId: ReadSpiffeId,
  matchers: readonly SanMatcher[],
  expectedIdentity: string,
): PeerCheck {
  const peer = readSpiffeId(socket)
  if (!peer.ok) return peer
  const names = peer.otherNames ? [peer.id, ...peer.otherNames] : [peer.id]
  if (expectedIdentity !== '' && !names.includes(expectedIdentity))
    return { ok: false, reason: `the peer is ${peer.id}, expected ${expectedIdentity}` }
  if (
    matchers.length > 0 &&
    !matchers.some((matcher) => matcher.type === 'uri' && names.some((name) => sanMatches(matcher, name)))
  )
    return { ok: false, reason: `the peer ${peer.id} is none of the identities that the cluster allows` }
  return peer
}

/** For TLS outside the mesh: a chain that OpenSSL verified, and any of the names, if some are given. */
export function checkNamedPeer(socket: TLSSocket, matchers: readonly SanMatcher[]): PeerCheck {
  if (matchers.length === 0) return { ok: true, id: '' }
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return { ok: false, reason: 'the peer showed no certificate' }
  const names = (certificate.subjectAltName ?? '').split(', ')
  for (const matcher of matchers) {
    if (matcher.type === 'dns' && matcher.match === 'exact' && certificate.checkHost(matcher.value))
      return { ok: true, id: matcher.value }
    const prefix = matcher.type === 'uri' ? 'URI:' : 'DNS:'
    const hit = names.find(
      (name) => name.startsWith(prefix) && sanMatches(matcher, name.slice(prefix.length)),
    )
    if (hit !== undefined) return { ok: true, id: hit.slice(prefix.length) }
  }
  return {
    ok: false,
    reason: 'no name in the certificate of the peer is among those that the cluster allows',
  }
}

/**
 * Whether a peer that answered before would be let in under these settings, too. `id` is what `PeerCheck` gave:
 * the SPIFFE ID, or the name that matched. False may be wrong for a peer outside the mesh that has several names.
 */
export function allowsPeer(validation: TlsValidation | undefined, id: string): boolean {
  const matchers = validation?.subjectAltNames ?? []
  if (matchers.length === 0) return true
  const mesh = isMesh(validation)
  return matchers.some((matcher) => (!mesh || matcher.type === 'uri') && sanMatches(matcher, id))
}

function sanMatches(matcher: SanMatcher, value: string): boolean {
  return matcher.match === 'exact' ? value === matcher.value : value.startsWith(matcher.value)
}
