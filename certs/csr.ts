import { createPublicKey, sign, type KeyObject } from 'node:crypto'
import { bits, explicit, fromDer, oid, sequence, set, smallInteger, toDer, type Asn1 } from './der.ts'
import { extensionList, subjectAltName, type AltNames } from './extensions.ts'
import { spkiDer } from './key.ts'
import { Oid } from './oids.ts'

export interface CsrOptions extends AltNames {
  readonly extensions?: readonly Asn1[]
  readonly subject?: Asn1
}

/** PKCS #10 request (RFC 2986) in DER, signed with ECDSA and SHA-256 to prove that the key is ours. */
export function createCsr(key: KeyObject, options: CsrOptions = {}): Buffer {
  const extensions = [...(options.extensions ?? [])]
  if (options.uri || options.dns) extensions.push(subjectAltName(options, options.subject === undefined))
  const attributes =
    extensions.length === 0 ? [] : [sequence(oid(Oid.extensionRequest), set(extensionList(...extensions)))]
  const info = sequence(smallInteger(0), options.subject ?? sequence(), spki(key), explicit(0, ...attributes))
  return toDer(sequence(info, sequence(oid(Oid.ecdsaWithSha256)), bits(sign('sha256', toDer(info), key))))
}

/** As Vault and Kubernetes take it (RFC 7468 section 7). */
export function csrPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`
}

function spki(key: KeyObject): Asn1 {
  return fromDer(spkiDer(createPublicKey(key)), 'public key')
}
