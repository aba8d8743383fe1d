import {
  bits,
  bool,
  explicit,
  implicit,
  octets,
  oid,
  sequence,
  smallInteger,
  toDer,
  type Asn1,
} from './der.ts'
import { Oid } from './oids.ts'

// Extensions of RFC 5280 section 4.2, as this mesh writes them.

function extension(id: string, critical: boolean, value: Asn1): Asn1 {
  const inner = octets(toDer(value))
  // DER leaves out a value that is the default, here FALSE.
  return critical ? sequence(oid(id), bool(true), inner) : sequence(oid(id), inner)
}

/** `pathLength`: CAs that may follow below; undefined makes an end entity. */
export function basicConstraints(pathLength: number | undefined): Asn1 {
  const value = pathLength === undefined ? sequence() : sequence(bool(true), smallInteger(pathLength))
  return extension(Oid.basicConstraints, true, value)
}

/** Bits of section 4.2.1.3; the most significant bit is digitalSignature. */
export function keyUsage(use: 'digitalSignature' | 'certSign'): Asn1 {
  // keyCertSign is bit 5, cRLSign bit 6: one unused bit is left.
  const value = use === 'digitalSignature' ? bits(Buffer.of(0x80), 7) : bits(Buffer.of(0x06), 1)
  return extension(Oid.keyUsage, true, value)
}

export function extKeyUsage(...uses: string[]): Asn1 {
  return extension(Oid.extKeyUsage, false, sequence(...uses.map(oid)))
}

export function subjectKeyIdentifier(id: Uint8Array): Asn1 {
  return extension(Oid.subjectKeyIdentifier, false, octets(id))
}

export function authorityKeyIdentifier(id: Uint8Array): Asn1 {
  return extension(Oid.authorityKeyIdentifier, false, sequence(implicit(0, id)))
}

export interface AltNames {
  readonly uri?: readonly string[]
  readonly dns?: readonly string[]
}

/** Critical exactly if the subject is empty (section 4.2.1.6). */
export function subjectAltName(names: AltNames, critical: boolean): Asn1 {
  const dns = (names.dns ?? []).map((name) => implicit(2, Buffer.from(name, 'latin1')))
  const uri = (names.uri ?? []).map((name) => implicit(6, Buffer.from(name, 'latin1')))
  return extension(Oid.subjectAltName, critical, sequence(...dns, ...uri))
}

/** `[tag] Extensions` as it stands in a certificate (3), or the bare list for a request. */
export function extensionList(...extensions: Asn1[]): Asn1 {
  return sequence(...extensions)
}

export function certificateExtensions(...extensions: Asn1[]): Asn1 {
  return explicit(3, extensionList(...extensions))
}
