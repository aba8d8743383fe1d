import type { X509Certificate } from 'node:crypto'
import { WeftError } from '../core/errors.ts'
import { NO_NAMES, parseAltNames, type ParsedAltNames } from './alt-names.ts'
import { content, contextItems, fromDer, isBoolean, items, oidOf, Tag, type Asn1 } from './der.ts'
import { Oid } from './oids.ts'

/** What a certificate or a request says in its extensions, as far as a check here needs it. */
export interface ParsedExtensions {
  readonly names: ParsedAltNames
  readonly ca: boolean
  /** keyCertSign or cRLSign. */
  readonly mayCertify: boolean
  /** Of a CA: what certificates below it name it by. */
  readonly subjectKeyId: Buffer | undefined
}

/** Extensions of a certificate. Throws WeftError `der.malformed`. */
export function certificateExtensionsOf(certificate: X509Certificate): ParsedExtensions {
  const [tbs] = items(fromDer(certificate.raw, 'certificate'), Tag.SEQUENCE, 'certificate')
  for (const item of items(tbs, Tag.SEQUENCE, 'tbsCertificate')) {
    const wrapped = contextItems(item, 3)
    if (wrapped) return parseExtensions(wrapped[0])
  }
  return { names: NO_NAMES, ca: false, mayCertify: false, subjectKeyId: undefined }
}

/** `Extensions` of RFC 5280 section 4.1. One that stands twice is refused: readers would differ about it. */
export function parseExtensions(list: Asn1 | undefined): ParsedExtensions {
  const seen = new Set<string>()
  let names = NO_NAMES
  let ca = false
  let mayCertify = false
  let subjectKeyId: Buffer | undefined
  for (const extension of items(list, Tag.SEQUENCE, 'extensions')) {
    const parts = items(extension, Tag.SEQUENCE, 'extension')
    const id = oidOf(parts[0], 'extension id')
    if (seen.has(id)) throw new WeftError('der.malformed', `the extension ${id} stands twice`)
    seen.add(id)
    const value = content(parts[isBoolean(parts[1]) ? 2 : 1], Tag.OCTET_STRING, `value of extension ${id}`)
    if (id === Oid.subjectAltName) names = parseAltNames(value)
    else if (id === Oid.basicConstraints) ca = isCa(value)
    else if (id === Oid.keyUsage) mayCertify = certifies(value)
    else if (id === Oid.subjectKeyIdentifier) {
      subjectKeyId = content(fromDer(value, 'subjectKeyIdentifier'), Tag.OCTET_STRING, 'subjectKeyIdentifier')
    }
  }
  return { names, ca, mayCertify, subjectKeyId }
}

function isCa(value: Uint8Array): boolean {
  const [first] = items(fromDer(value, 'basicConstraints'), Tag.SEQUENCE, 'basicConstraints')
  return isBoolean(first) && content(first, Tag.BOOLEAN, 'basicConstraints')[0] !== 0
}

function certifies(value: Uint8Array): boolean {
  const bytes = content(fromDer(value, 'keyUsage'), Tag.BIT_STRING, 'keyUsage')
  return ((bytes[1] ?? 0) & 0x06) !== 0
}
