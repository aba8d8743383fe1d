import type { X509Certificate } from 'node:crypto'
import { describeError } from '../core/errors.ts'
import { certificateExtensionsOf, type ParsedExtensions } from './parsed-extensions.ts'
import { parseSpiffeId } from './spiffe-id.ts'

/** Why a peer's certificate gives it no identity in this mesh; stable, for logs and counters. */
export type PeerRefusal =
  | 'malformed'
  | 'not_yet_valid'
  | 'expired'
  | 'is_ca'
  | 'no_uri_san'
  | 'several_uri_sans'
  | 'not_a_spiffe_id'
  | 'root_path'
  | 'foreign_trust_domain'

export type PeerResult<Reason extends string = PeerRefusal> =
  | { readonly ok: true; readonly spiffeId: string }
  /** `detail` is one line without control bytes. */
  | { readonly ok: false; readonly reason: Reason; readonly detail: string }

export interface PeerExpectation {
  readonly trustDomain: string
  /** Other trust domains whose identities count; what proves them is not looked at here. */
  readonly otherDomains?: ReadonlySet<string>
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * The identity of an end entity certificate by the rules of the X509-SVID standard, sections 2 and 5. The chain
 * to a root is not looked at: that is the TLS handshake's part. Names are read from the DER, not from the text
 * that the platform makes of them.
 */
export function peerIdentity(certificate: X509Certificate, expected: PeerExpectation): PeerResult {
  let extensions: ParsedExtensions
  try {
    extensions = certificateExtensionsOf(certificate)
  } catch (error) {
    return refuse('malformed', describeError(error))
  }
  // A resumed session does not look at the time again.
  if (expected.now < certificate.validFromDate.getTime()) {
    return refuse(
      'not_yet_valid',
      `valid only from ${certificate.validFromDate.toISOString()}, ${clockHere(expected.now)}`,
    )
  }
  if (expected.now >= certificate.validToDate.getTime()) {
    return refuse(
      'expired',
      `expired at ${certificate.validToDate.toISOString()}, ${clockHere(expected.now)}`,
    )
  }
  if (extensions.ca || extensions.mayCertify || certificate.ca) {
    return refuse('is_ca', 'the certificate may sign others: it is no workload')
  }
  const { uris } = extensions.names
  const [uri] = uris
  if (uri === undefined) return refuse('no_uri_san', 'the certificate has no URI name')
  if (uris.length > 1)
    return refuse('several_uri_sans', `the certificate has ${uris.length} URI names, not one`)
  try {
    const id = parseSpiffeId(uri)
    if (id.path === '') return refuse('root_path', `${uri} names a trust domain, not a workload`)
    if (id.trustDomain !== expected.trustDomain && !expected.otherDomains?.has(id.trustDomain)) {
      return refuse('foreign_trust_domain', `${uri} is not of trust domain ${expected.trustDomain}`)
    }
  } catch (error) {
    return refuse('not_a_spiffe_id', describeError(error))
  }
  return { ok: true, spiffeId: uri }
}

/** Whoever reads that a certificate is not valid can see by this which clock is wrong. */
export function clockHere(now: number): string {
  return `and the clock here says ${new Date(now).toISOString()}`
}

function refuse(reason: PeerRefusal, detail: string): PeerResult {
  return { ok: false, reason, detail }
}
