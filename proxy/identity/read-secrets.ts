import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { parseSpiffeId } from '../../certs/spiffe-id.ts'
import { peerIdentity } from '../../certs/peer.ts'
import { certificatesPem, type TrustBundle } from '../../certs/trust-bundle.ts'
import { WeftError } from '../../core/errors.ts'
import type { Secrets } from './secrets.ts'

export interface SecretParts {
  /** Leaf first; intermediates follow. */
  readonly chain: readonly X509Certificate[]
  readonly key: KeyObject
  readonly privateKeyPem: string
  readonly bundle: TrustBundle
}

/** Undefined in a field: anything goes there. */
export interface SecretExpectation {
  readonly trustDomain: string
  readonly spiffeId: string | undefined
  readonly now: number
}

/**
 * Checks that key, chain, bundle and identity belong together and may be used now. Throws WeftError
 * `identity.key_mismatch`, `identity.unusable`, `identity.other_identity` or `identity.untrusted`; `source` names
 * where the parts came from.
 */
export function checkSecrets(parts: SecretParts, expected: SecretExpectation, source: string): Secrets {
  const [leaf] = parts.chain
  if (!leaf) throw new WeftError('identity.unusable', `${source}: there is no certificate`)
  if (!leaf.publicKey.equals(createPublicKey(parts.key))) {
    throw new WeftError('identity.key_mismatch', `${source}: the certificate is not for the private key`)
  }
  const peer = peerIdentity(leaf, expected)
  if (!peer.ok) throw new WeftError('identity.unusable', `${source}: ${peer.detail}`)
  if (expected.spiffeId !== undefined && peer.spiffeId !== expected.spiffeId) {
    throw new WeftError(
      'identity.other_identity',
      `${source} is for ${peer.spiffeId}, this is ${expected.spiffeId}`,
    )
  }
  checkChain(parts.chain, parts.bundle, source)
  return Object.freeze({
    certificatePem: certificatesPem(parts.chain),
    privateKeyPem: parts.privateKeyPem,
    bundlePem: parts.bundle.pem,
    spiffeId: peer.spiffeId,
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  })
}

/** Each certificate signed by the next, the last by a root. */
function checkChain(chain: readonly X509Certificate[], bundle: TrustBundle, source: string): void {
  for (const [index, certificate] of chain.entries()) {
    const issuers = index + 1 < chain.length ? chain.slice(index + 1, index + 2) : bundle.roots
    if (
      !issuers.some(
        (issuer) => issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey),
      )
    ) {
      throw new WeftError(
        'identity.untrusted',
        `${source}: the certificate leads to no root of the trust bundle`,
      )
    }
  }
}

/** The private key of a PEM text. Throws WeftError `identity.unusable`, without the text. */
export function readKey(pem: string, source: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new WeftError('identity.unusable', `${source}: the private key cannot be read`)
  }
}

/** Throws WeftError `spiffe_id.*` for options that no certificate could meet. */
export function checkExpectation(trustDomain: string, spiffeId: string | undefined): void {
  parseSpiffeId(`spiffe://${trustDomain}`, 'trustDomain')
  if (spiffeId !== undefined) parseSpiffeId(spiffeId, 'spiffeId')
}
