import { randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto'
import {
  bits,
  explicit,
  fromDer,
  integer,
  oid,
  sequence,
  set,
  smallInteger,
  time,
  toDer,
  utf8,
} from './der.ts'
import type { Asn1 } from './der.ts'
import { certificateExtensions } from './extensions.ts'
import { Oid } from './oids.ts'

/** Attributes of a distinguished name in their order; an empty list is the empty name. */
export type Name = readonly (readonly [oid: string, value: string])[]

export interface CertificateContent {
  readonly issuer: Asn1
  readonly subject: Asn1
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Uint8Array
  /** Milliseconds since the epoch; cut to whole seconds. */
  readonly notBefore: number
  readonly notAfter: number
  readonly extensions: readonly Asn1[]
}

/** An X.509 v3 certificate (RFC 5280 section 4.1), signed with ECDSA and SHA-256. */
export function buildCertificate(content: CertificateContent, signingKey: KeyObject): X509Certificate {
  const algorithm = sequence(oid(Oid.ecdsaWithSha256))
  const tbs = sequence(
    explicit(0, smallInteger(2)),
    integer(serialNumber()),
    algorithm,
    content.issuer,
    sequence(time(content.notBefore), time(content.notAfter)),
    content.subject,
    fromDer(content.spki, 'public key'),
    certificateExtensions(...content.extensions),
  )
  const signature = sign('sha256', toDer(tbs), signingKey)
  return new X509Certificate(toDer(sequence(tbs, algorithm, bits(signature))))
}

export function distinguishedName(name: Name): Asn1 {
  return sequence(...name.map(([id, value]) => set(sequence(oid(id), utf8(value)))))
}

/** 158 random bits: positive, never zero, at most 20 bytes (RFC 5280 section 4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(20)
  // The first bits are 01: positive without a leading zero byte, and of one length.
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40
  return bytes
}
