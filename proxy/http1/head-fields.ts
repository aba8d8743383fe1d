import type { Fields } from '../http/message.ts'
import { HTAB, SP } from './characters.ts'
import {
  connectionFlags,
  keepAliveSeconds,
  lengthOf,
  listOf,
  OTHERS,
  removeNamed,
} from './connection-options.ts'
import type { FieldLines } from './field-lines.ts'
import { spellTrailers, type Spelling } from '../http/spelling.ts'
import {
  casedInSlot,
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  HOST,
  KEEP_ALIVE,
  kindInSlot,
  kindOfName,
  learnName,
  nameInSlot,
  PLAIN,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from './field-names.ts'
import type { BlockText } from './block-text.ts'
import { spellingOfLines, writtenName } from './line-spelling.ts'
import { malformed } from './message-error.ts'

/** What the fields of a head say about the connection and about the body's framing. */
export class HeadFacts {
  fields: Fields = []
  /** How their names are written, and those of the connection's; undefined: in lower case. */
  spelling: Spelling | undefined = undefined
  /** Undefined: no Host field. */
  host: string | undefined = undefined
  /** -1: no Content-Length field. */
  contentLength = -1
  chunked = false
  /** `CLOSE`, `KEEP`, `UPGRADES`. */
  connection = 0
  /** Value of Upgrade, '' without. */
  upgrade = ''
  expectContinue = false
  /** -1: not said. */
  keepAliveSeconds = -1
}

/**
 * Turns the lines of a scan into fields, without those that belong to the connection, and facts.
 * `text` is the block whose bytes were scanned.
 */
export function readFields(text: BlockText, lines: FieldLines, facts: HeadFacts): void {
  const { count, numbers } = lines
  const fields: Fields = []
  let options: string[] | undefined
  let cased = 0
  facts.fields = fields
  facts.host = undefined
  facts.contentLength = -1
  facts.chunked = false
  facts.connection = 0
  facts.upgrade = ''
  facts.expectContinue = false
  facts.keepAliveSeconds = -1
  for (let i = 0, line = 0; i < count; i++, line += 5) {
    let slot = numbers[line] as number
    const value = text.piece(numbers[line + 3] as number, numbers[line + 4] as number)
    let kind
    if (slot < 0) slot = learnLine(text, numbers, line)
    if (slot >= 0) {
      cased |= casedInSlot(slot)
      kind = kindInSlot(slot)
      if (kind === PLAIN) {
        fields.push(nameInSlot(slot), value)
        continue
      }
    } else {
      const name = writtenName(text, numbers, line).toLowerCase()
      cased = 1
      kind = kindOfName(name)
      if (kind === PLAIN) {
        fields.push(name, value)
        continue
      }
    }
    switch (kind) {
      case HOST:
        if (facts.host !== undefined) throw malformed('repeated_host', 'may stand only once', 'host')
        facts.host = value
        break
      case CONTENT_LENGTH:
        if (facts.contentLength >= 0) {
          throw malformed('repeated_content_length', 'may stand only once', 'content-length')
        }
        facts.contentLength = lengthOf(value)
        fields.push('content-length', value)
        break
      case TRANSFER_ENCODING:
        // RFC 9112 section 6.1; other codings are not in use and each is a way to disagree on the end.
        if (facts.chunked || (value !== 'chunked' && value.toLowerCase() !== 'chunked')) {
          throw malformed('transfer_encoding', 'must be exactly one `chunked`', 'transfer-encoding')
        }
        // OWS by RFC 9112 section 5; but llhttp takes `chunked` HTAB for another coding, and frames otherwise.
        if (endsInTab(text.bytes, numbers[line + 4] as number)) {
          throw malformed('transfer_encoding', 'must not end in a tab', 'transfer-encoding')
        }
        facts.chunked = true
        break
      case CONNECTION:
        facts.connection |= connectionFlags(value)
        ;(options ??= []).push(value)
        break
      case UPGRADE:
        facts.upgrade = facts.upgrade === '' ? value : `${facts.upgrade}, ${value}`
        break
      case TE:
        if (listOf(value).includes('trailers') && !fields.includes('te')) fields.push('te', 'trailers')
        break
      case KEEP_ALIVE:
        facts.keepAliveSeconds = keepAliveSeconds(value)
        break
      case EXPECT:
        if (value.toLowerCase() === '100-continue') facts.expectContinue = true
        fields.push('expect', value)
        break
      default:
        break
    }
  }
  if (facts.chunked && facts.contentLength >= 0) {
    // RFC 9112 section 6.3 lets a recipient choose; refusing leaves nobody to disagree.
    throw malformed('two_lengths', 'may not stand beside transfer-encoding', 'content-length')
  }
  if (options !== undefined && (facts.connection & OTHERS) !== 0) removeNamed(fields, options)
  facts.spelling = cased === 0 ? undefined : spellingOfLines(text, lines)
}

/** The lines of a scan as trailers, without what concerns the connection. Framing and routing are refused. */
export function readTrailers(text: BlockText, lines: FieldLines): Fields | undefined {
  const { count, numbers } = lines
  if (count === 0) return undefined
  const fields: Fields = []
  let cased = 0
  for (let i = 0, line = 0; i < count; i++, line += 5) {
    let slot = numbers[line] as number
    if (slot < 0) slot = learnLine(text, numbers, line)
    const name = slot < 0 ? writtenName(text, numbers, line).toLowerCase() : nameInSlot(slot)
    const kind = kindOfName(name)
    // RFC 9110 section 6.5.1: whoever merged these would frame or route the message anew.
    if (kind === HOST || kind === CONTENT_LENGTH || kind === TRANSFER_ENCODING) {
      throw malformed('trailer', 'may not stand in a trailer section', name)
    }
    if (kind !== PLAIN) continue
    cased |= slot < 0 ? 1 : casedInSlot(slot)
    fields.push(name, text.piece(numbers[line + 3] as number, numbers[line + 4] as number))
  }
  if (fields.length === 0) return undefined
  if (cased !== 0) spellTrailers(fields, spellingOfLines(text, lines))
  return fields
}

/** True where a tab stands between a value, whose end is `at`, and its line end. */
function endsInTab(bytes: Uint8Array, at: number): boolean {
  let pos = at
  while (bytes[pos] === SP) pos++
  return bytes[pos] === HTAB
}

/** The slot of a name that had none: from now on it has, or -1 where there is no room. */
function learnLine(text: BlockText, numbers: Int32Array, line: number): number {
  const slot = learnName(writtenName(text, numbers, line))
  numbers[line] = slot
  return slot
}
