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
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  HOST,
  KEEP_ALIVE,
  kindInSlot,
  learnName,
  nameInSlot,
  PLAIN,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from './field-names.ts'
import { MAX_SLICED_BYTES } from './limits.ts'
import { malformed } from './message-error.ts'

/** What the fields of a head say about the connection and about the body's framing. */
export class HeadFacts {
  fields: Fields = []
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

/** One block of field lines as bytes, and pieces of it as text of one byte a char. Reused for every block. */
export class BlockText {
  bytes: Buffer = Buffer.alloc(0)
  #from = 0
  /** All of it as text, or '' where pieces become strings of their own. */
  #text = ''

  /** The block is `from..to` of `bytes`. */
  set(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes
    this.#from = from
    // Slices of one text cost a fraction of a call for each piece.
    this.#text = to - from <= MAX_SLICED_BYTES ? bytes.toString('latin1', from, to) : ''
  }

  /** What stands at `from..to` of the bytes. */
  piece(from: number, to: number): string {
    if (this.#text === '') return this.bytes.toString('latin1', from, to)
    return this.#text.slice(from - this.#from, to - this.#from)
  }
}

/**
 * Turns the lines of a scan into fields, without those that belong to the connection, and facts.
 * `text` is the block whose bytes were scanned.
 */
export function readFields(text: BlockText, lines: FieldLines, facts: HeadFacts): void {
  const { count, numbers } = lines
  const fields: Fields = []
  let options: string[] | undefined
  facts.fields = fields
  facts.host = undefined
  facts.contentLength = -1
  facts.chunked = false
  facts.connection = 0
  facts.upgrade = ''
  facts.expectContinue = false
  facts.keepAliveSeconds = -1
  for (let i = 0, line = 0; i < count; i++, line += 5) {
    const slot = numbers[line] as number
    const value = text.piece(numbers[line + 3] as number, numbers[line + 4] as number)
    if (slot < 0) {
      fields.push(unknownName(text, numbers, line), value)
      continue
    }
    const kind = kindInSlot(slot)
    if (kind === PLAIN) {
      fields.push(nameInSlot(slot), value)
      continue
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
}

/** The lines of a scan as trailers, without what concerns the connection. Framing and routing are refused. */
export function readTrailers(text: BlockText, lines: FieldLines): Fields | undefined {
  const { count, numbers } = lines
  if (count === 0) return undefined
  const fields: Fields = []
  for (let i = 0, line = 0; i < count; i++, line += 5) {
    const slot = numbers[line] as number
    const kind = slot < 0 ? PLAIN : kindInSlot(slot)
    // RFC 9110 section 6.5.1: whoever merged these would frame or route the message anew.
    if (kind === HOST || kind === CONTENT_LENGTH || kind === TRANSFER_ENCODING) {
      throw malformed('trailer', 'may not stand in a trailer section', nameInSlot(slot))
    }
    if (kind !== PLAIN) continue
    const value = text.piece(numbers[line + 3] as number, numbers[line + 4] as number)
    fields.push(slot < 0 ? unknownName(text, numbers, line) : nameInSlot(slot), value)
  }
  return fields.length === 0 ? undefined : fields
}

/** True where a tab stands between a value, whose end is `at`, and its line end. */
function endsInTab(bytes: Uint8Array, at: number): boolean {
  let pos = at
  while (bytes[pos] === SP) pos++
  return bytes[pos] === HTAB
}

function unknownName(text: BlockText, numbers: Int32Array, line: number): string {
  const name = text.piece(numbers[line + 1] as number, numbers[line + 2] as number).toLowerCase()
  learnName(name)
  return name
}
