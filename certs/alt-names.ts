import { WeftError } from '../core/errors.ts'
import { contextValue, fromDer, items, Tag } from './der.ts'

/** Names of a subjectAltName extension (RFC 5280 section 4.2.1.6). */
export interface ParsedAltNames {
  /** As they stand, one char a byte. */
  readonly uris: readonly string[]
  readonly dns: readonly string[]
  /** Every other kind, named for a message, e.g. `IP 10.0.0.1`, `email`. */
  readonly others: readonly string[]
}

export const NO_NAMES: ParsedAltNames = { uris: [], dns: [], others: [] }

const KINDS = [
  'otherName',
  'email',
  'DNS',
  'x400Address',
  'directoryName',
  'ediPartyName',
  'URI',
  'IP',
  'registeredID',
]

/** `bytes`: the extension's value. Throws WeftError `der.malformed`. */
export function parseAltNames(bytes: Uint8Array): ParsedAltNames {
  const uris: string[] = []
  const dns: string[] = []
  const others: string[] = []
  for (const name of items(fromDer(bytes, 'subjectAltName'), Tag.SEQUENCE, 'subjectAltName')) {
    const value = contextValue(name)
    if (!value) throw new WeftError('der.malformed', 'subjectAltName holds a value that is no GeneralName')
    if (value.n === 6) uris.push(value.bytes.toString('latin1'))
    else if (value.n === 2) dns.push(value.bytes.toString('latin1'))
    else if (value.n === 7) others.push(`IP ${ipText(value.bytes)}`)
    else others.push(KINDS[value.n] ?? `name of kind ${value.n}`)
  }
  return { uris, dns, others }
}

function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join('.')
  return Buffer.from(bytes).toString('hex')
}
