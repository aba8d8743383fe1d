import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { WeftError } from '../core/errors.ts'
import { NO_NAMES, type ParsedAltNames } from './alt-names.ts'
import { contextItems, fromDer, items, oidOf, Tag, toDer, wholeBits, type Asn1 } from './der.ts'
import { weakKey } from './key.ts'
import { Oid } from './oids.ts'
import { parseExtensions } from './parsed-extensions.ts'

/** A request whose signature proves that the sender has the key. Nothing else in it is proven. */
export interface VerifiedCsr {
  readonly publicKey: KeyObject
  /** `CN=a, O=b`, or '' for the empty name. */
  readonly subject: string
  readonly names: ParsedAltNames
}

/** A P-256 request with one name has about 300 bytes, one with RSA-4096 about 1,200. */
export const LARGEST_CSR_BYTES = 16 * 1024

const HASHES: Readonly<Record<string, { hash: string; type: 'ec' | 'rsa' }>> = {
  [Oid.ecdsaWithSha256]: { hash: 'sha256', type: 'ec' },
  [Oid.ecdsaWithSha384]: { hash: 'sha384', type: 'ec' },
  [Oid.ecdsaWithSha512]: { hash: 'sha512', type: 'ec' },
  [Oid.sha256WithRsa]: { hash: 'sha256', type: 'rsa' },
  [Oid.sha384WithRsa]: { hash: 'sha384', type: 'rsa' },
  [Oid.sha512WithRsa]: { hash: 'sha512', type: 'rsa' },
}

/**
 * Reads a PKCS #10 request (RFC 2986 section 4) in DER and checks its proof of possession. Throws WeftError
 * `csr.too_large`, `csr.malformed`, `csr.weak_key`, `csr.signature` or `csr.ca_requested`.
 */
export function verifyCsr(der: Uint8Array): VerifiedCsr {
  if (der.length > LARGEST_CSR_BYTES) {
    throw new WeftError(
      'csr.too_large',
      `the CSR has ${der.length} bytes, at most ${LARGEST_CSR_BYTES} are accepted`,
    )
  }
  if (der.length === 0) throw new WeftError('csr.malformed', 'the CSR is empty')
  try {
    return read(der)
  } catch (error) {
    if (error instanceof WeftError && error.code === 'der.malformed') {
      throw new WeftError('csr.malformed', `the CSR cannot be read: ${error.message}`, { cause: error })
    }
    throw error
  }
}

function read(der: Uint8Array): VerifiedCsr {
  const [info, algorithm, signature] = items(fromDer(der, 'CSR'), Tag.SEQUENCE, 'CSR')
  const [, subject, spki, attributes] = items(info, Tag.SEQUENCE, 'certificationRequestInfo')
  const publicKey = publicKeyOf(spki)
  checkSignature(info as Asn1, algorithm, wholeBits(signature, 'signature'), publicKey)
  const requested = requestedExtensions(attributes)
  if (requested && (requested.ca || requested.mayCertify)) {
    throw new WeftError('csr.ca_requested', 'the CSR asks for a CA certificate: only leaves are issued')
  }
  return { publicKey, subject: nameText(subject), names: requested?.names ?? NO_NAMES }
}

function publicKeyOf(spki: Asn1 | undefined): KeyObject {
  const [algorithm] = items(spki, Tag.SEQUENCE, 'subjectPublicKeyInfo')
  const [id, parameters] = items(algorithm, Tag.SEQUENCE, 'key algorithm')
  // A curve written out in full could differ from the one that it seems to be (as in CVE-2020-0601).
  if (oidOf(id, 'key algorithm') === Oid.ecPublicKey && parameters?.type !== Tag.OID) {
    throw new WeftError('csr.weak_key', 'the key spells its curve out: use the named curve P-256')
  }
  let key: KeyObject
  try {
    key = createPublicKey({ key: toDer(spki as Asn1), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new WeftError('csr.malformed', 'the public key of the CSR cannot be read', { cause })
  }
  const weak = weakKey(key)
  if (weak) throw new WeftError('csr.weak_key', weak)
  return key
}

function checkSignature(
  info: Asn1,
  algorithm: Asn1 | undefined,
  signature: Uint8Array,
  key: KeyObject,
): void {
  const id = oidOf(items(algorithm, Tag.SEQUENCE, 'signature algorithm')[0], 'signature algorithm')
  const used = HASHES[id]
  if (!used || used.type !== key.asymmetricKeyType) {
    throw new WeftError(
      'csr.signature',
      `the signature algorithm ${id} is not accepted: use ECDSA with SHA-256`,
    )
  }
  if (!verify(used.hash, toDer(info), key, signature)) {
    throw new WeftError('csr.signature', 'the signature of the CSR does not match its key')
  }
}

function requestedExtensions(attributes: Asn1 | undefined): ReturnType<typeof parseExtensions> | undefined {
  let found: Asn1 | undefined
  for (const attribute of contextItems(attributes, 0) ?? []) {
    const [id, values] = items(attribute, Tag.SEQUENCE, 'attribute')
    if (oidOf(id, 'attribute') !== Oid.extensionRequest) continue
    const [value, ...more] = items(values, Tag.SET, 'extensionRequest')
    if (found || more.length > 0) throw new WeftError('csr.malformed', 'the CSR has extensionRequest twice')
    found = value
  }
  return found && parseExtensions(found)
}

const SHORT: Readonly<Record<string, string>> = {
  [Oid.commonName]: 'CN',
  [Oid.organizationName]: 'O',
  [Oid.serialNumber]: 'serialNumber',
}

function nameText(name: Asn1 | undefined): string {
  return items(name, Tag.SEQUENCE, 'subject')
    .flatMap((part) => items(part, Tag.SET, 'subject'))
    .map((attribute) => {
      const [id, value] = items(attribute, Tag.SEQUENCE, 'subject')
      const type = oidOf(id, 'subject')
      const text = typeof value?.value === 'string' ? Buffer.from(value.value, 'latin1').toString() : ''
      return `${SHORT[type] ?? type}=${text}`
    })
    .join(', ')
}
