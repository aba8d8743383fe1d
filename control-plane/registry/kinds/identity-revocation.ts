import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import { describeError } from '../../../core/errors.ts'
import { normalFingerprint, normalSerial, TRUST_LIMITS } from '../../../core/mesh-trust.ts'
import type { Fields } from '../fields.ts'
import { readMeta, type Meta } from './meta.ts'

/** weft.dev/v1alpha1 IdentityRevocation: identities and certificates that nobody in the mesh accepts any more. */
export interface IdentityRevocationObject {
  readonly kind: 'IdentityRevocation'
  readonly meta: Meta
  /** SPIFFE IDs of workloads. */
  readonly identities: readonly string[]
  readonly certificates: readonly RevokedCertificate[]
  /** For people; '' where nobody gave one. */
  readonly reason: string
}

/** Exactly one of the two, in the form that certificates are compared by. */
export type RevokedCertificate =
  | { readonly serial: string; readonly sha256?: undefined }
  | { readonly sha256: string; readonly serial?: undefined }

// RFC 5280 section 4.1.2.2: at most 20 octets; here with colons between them, or without.
const SERIAL = {
  pattern: /^(?:[0-9a-fA-F]{1,40}|(?:[0-9a-fA-F]{2}:){0,19}[0-9a-fA-F]{2})$/,
  is: 'at most 20 octets in hexadecimal',
}
const SHA256 = {
  pattern: /^(?:[0-9a-fA-F]{64}|(?:[0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2})$/,
  is: '32 octets in hexadecimal',
}
const REASON = { pattern: /^[^\p{Cc}]{0,256}$/u, is: 'one line of at most 256 characters' }

/** Strict: what cannot be read revokes nothing, and its author must hear of it. */
export function readIdentityRevocation(object: Fields): IdentityRevocationObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  spec.atMost('identities', TRUST_LIMITS.identities)
  spec.atMost('certificates', TRUST_LIMITS.certificates)
  const identities = spec.texts('identities')
  for (const [index, text] of identities.entries()) checkWorkload(text, spec, index)
  const certificates = spec.list('certificates', readCertificate)
  if (!spec.has('identities') && !spec.has('certificates'))
    spec.problem('needs identities or certificates: it would revoke nothing')
  for (const name of ['identities', 'certificates'] as const) {
    const list = name === 'identities' ? identities : certificates
    if (spec.has(name) && list.length === 0)
      spec.problem('is empty: leave it out, or name what is revoked', name)
  }
  const reason = spec.text('reason', REASON) ?? ''
  for (const part of [object, spec]) part.refuseUnknown()
  return { kind: 'IdentityRevocation', meta, identities, certificates, reason }
}

function checkWorkload(text: string, spec: Fields, index: number): void {
  try {
    if (parseSpiffeId(text).path !== '') return
    spec.problem(
      'names a trust domain, not a workload: a path such as /ns/shop/sa/web must follow',
      'identities',
      index,
    )
  } catch (error) {
    spec.problem(describeError(error), 'identities', index)
  }
}

function readCertificate(item: Fields): RevokedCertificate {
  const serial = item.text('serial', SERIAL)
  const sha256 = item.text('sha256', SHA256)
  if (item.has('serial') === item.has('sha256')) item.problem('needs serial or sha256, one of the two')
  item.refuseUnknown()
  return sha256 === undefined ? { serial: normalSerial(serial ?? '') } : { sha256: normalFingerprint(sha256) }
}
