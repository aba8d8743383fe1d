import './latin1.ts'
import { CONNECTION_SPECIFIC, HOST, kindOfName } from './field-kind.ts'
import { huffmanEncode, huffmanLength } from './huffman.ts'
import { isSensitive, sensitiveVersion, SHORT_COOKIE } from './sensitive-names.ts'
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from './static-table.ts'

const ENTRY_OVERHEAD = 32
const DEFAULT_TABLE_BYTES = 4096
// Longer values are not worth their place in a table of 4 KiB.
const LONGEST_INDEXED = 1024
// Names come from requests, so what is kept of them is bounded, in number and in length.
const NAMES_KEPT = 256
const LONGEST_NAME = 64
// Values of one name that are remembered as sent once.
const SEEN = 4
// Text up to this is copied by hand: cheaper than the call into native code.
const SHORT_TEXT = 20

/** More than any field takes beyond its name and value. */
export const FIELD_OVERHEAD = 12
/** Two table size updates. */
export const BLOCK_OVERHEAD = 12

const ADAPTIVE = 0
const NEVER = 1
const COOKIES = 2
const DROPPED = 3

/** What an encoder knows of one field name. */
class NameSlot {
  readonly name: string
  policy: number
  /** Index of the name in the static table, or 0. */
  readonly index: number
  /** Static entries with a value. */
  readonly fixed: Map<string, number> | undefined
  /** Sequence number of the table's latest entry of this name, or -1. */
  latest = -1
  latestValue = ''
  /** Live entries by value. */
  readonly live = new Map<string, number>()
  /** Ring of values that were sent as literals: the second time one enters the table. */
  readonly seen: string[] = []
  cursor = 0

  constructor(name: string) {
    this.name = name
    const kind = kindOfName(name)
    this.policy =
      kind === CONNECTION_SPECIFIC || kind === HOST
        ? DROPPED
        : isSensitive(name)
          ? NEVER
          : name === 'cookie'
            ? COOKIES
            : ADAPTIVE
    this.index = STATIC_NAMES.indexOf(name, 1) < 0 ? 0 : STATIC_NAMES.indexOf(name, 1)
    let fixed: Map<string, number> | undefined
    for (let i = 1; i <= STATIC_COUNT; i++)
      if (STATIC_NAMES[i] === name && STATIC_VALUES[i] !== '')
        (fixed ??= new Map<string, number>()).set(STATIC_VALUES[i] as string, i)
    this.fixed = fixed
  }
}

/**
 * HPACK encoder (RFC 7541) of one connection, straight into the caller's buffer.
 *
 * Policy: a field enters the table when the same value is sent a second time soon after the first, so
 * that values which never repeat (trace ids, lengths) push nothing out. `authorization`,
 * `proxy-authorization`, cookies shorter than 20 bytes and whatever a peer marked so are literals "never
 * indexed". Text is not Huffman-coded unless asked for: on a link it costs more than its bytes.
 * Connection-specific fields and `host` are left out.
 */
export class HpackEncoder {
  readonly #huffman: boolean
  readonly #cap: number
  #limit: number
  #size = 0
  // The smallest limit since the last block, or -1 where nothing changed (section 4.2).
  #smallest = -1
  readonly #names = new Map<string, NameSlot>()
  // Ring of live entries: sequence numbers #inserted - #count ... #inserted - 1.
  readonly #slots: (NameSlot | undefined)[] = []
  readonly #values: string[] = []
  readonly #mask: number
  #inserted = 0
  #count = 0
  #version = sensitiveVersion()

  #buffer: Buffer = Buffer.alloc(0)
  #at = 0

  /** `tableBytes`: the most that is used of what the peer's SETTINGS_HEADER_TABLE_SIZE allows. */
  constructor(options: { tableBytes?: number; huffman?: boolean } = {}) {
    this.#cap = options.tableBytes ?? DEFAULT_TABLE_BYTES
    this.#huffman = options.huffman ?? false
    // Until SETTINGS say otherwise the peer's table has 4,096 bytes.
    this.#limit = Math.min(this.#cap, DEFAULT_TABLE_BYTES)
    if (this.#limit < DEFAULT_TABLE_BYTES) this.#smallest = this.#limit
    let capacity = 1
    while (capacity * ENTRY_OVERHEAD < this.#cap) capacity *= 2
    this.#mask = capacity - 1
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; told to it at the start of the next block. */
  setPeerLimit(bytes: number): void {
    const limit = Math.min(bytes, this.#cap)
    if (limit === this.#limit) return
    this.#limit = limit
    this.#smallest = this.#smallest < 0 ? limit : Math.min(this.#smallest, limit)
    this.#evict(limit)
  }

  /** Size of the dynamic table, by RFC 7541 section 4.1. */
  get tableBytes(): number {
    return this.#size
  }

  /** Starts a block; `buffer` must have room for its fields and `FIELD_OVERHEAD` each, and `BLOCK_OVERHEAD`. */
  begin(buffer: Buffer, at: number): void {
    this.#buffer = buffer
    this.#at = at
    if (this.#version !== sensitiveVersion()) this.#learn()
    if (this.#smallest < 0) return
    if (this.#smallest < this.#limit) this.#integer(0x20, 0x1f, this.#smallest)
    this.#integer(0x20, 0x1f, this.#limit)
    this.#smallest = -1
  }

  /** Position after what the block holds so far. */
  get position(): number {
    return this.#at
  }

  /** An entry of the static table as a whole. */
  fixed(index: number): void {
    this.#buffer[this.#at++] = 0x80 | index
  }

  field(name: string, value: string): void {
    let slot = this.#names.get(name)
    if (slot === undefined) {
      if (name.length > LONGEST_NAME) return this.#unkept(name, value)
      slot = this.#addName(name)
    }
    if (slot.policy !== ADAPTIVE) {
      if (slot.policy === DROPPED) return
      if (slot.policy === NEVER || value.length < SHORT_COOKIE) {
        this.#literal(0x10, 0x0f, slot, value)
        return
      }
    }
    if (slot.latest >= 0) {
      if (slot.latestValue === value) {
        this.#integer(0x80, 0x7f, STATIC_COUNT + this.#inserted - slot.latest)
        return
      }
      const sequence = slot.live.get(value)
      if (sequence !== undefined) {
        this.#integer(0x80, 0x7f, STATIC_COUNT + this.#inserted - sequence)
        return
      }
    }
    if (slot.fixed !== undefined) {
      const index = slot.fixed.get(value)
      if (index !== undefined) {
        this.#buffer[this.#at++] = 0x80 | index
        return
      }
    }
    if (value.length <= LONGEST_INDEXED && this.#wasSeen(slot, value)) {
      this.#literal(0x40, 0x3f, slot, value)
      this.#insert(slot, value)
    } else this.#literal(0x00, 0x0f, slot, value)
  }

  /** A literal of a name that is too long to be remembered: one sender's 60 KiB a name would stay as long as the connection. */
  #unkept(name: string, value: string): void {
    this.#integer(isSensitive(name) ? 0x10 : 0x00, 0x0f, 0)
    this.#string(name)
    this.#string(value)
  }

  #wasSeen(slot: NameSlot, value: string): boolean {
    const seen = slot.seen
    for (let i = 0; i < seen.length; i++) if (seen[i] === value) return true
    seen[slot.cursor] = value
    slot.cursor = (slot.cursor + 1) % SEEN
    return false
  }

  #literal(pattern: number, mask: number, slot: NameSlot, value: string): void {
    const index =
      slot.index > 0 ? slot.index : slot.latest >= 0 ? STATIC_COUNT + this.#inserted - slot.latest : 0
    this.#integer(pattern, mask, index)
    if (index === 0) this.#string(slot.name)
    this.#string(value)
  }

  #integer(pattern: number, mask: number, value: number): void {
    const buffer = this.#buffer
    if (value < mask) {
      buffer[this.#at++] = pattern | value
      return
    }
    buffer[this.#at++] = pattern | mask
    let rest = value - mask
    while (rest >= 0x80) {
      buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buffer[this.#at++] = rest
  }

  #string(text: string): void {
    const length = text.length
    if (this.#huffman) {
      const coded = huffmanLength(text)
      if (coded < length) {
        this.#integer(0x80, 0x7f, coded)
        this.#at = huffmanEncode(text, this.#buffer, this.#at)
        return
      }
    }
    this.#integer(0, 0x7f, length)
    const buffer = this.#buffer
    let at = this.#at
    this.#at = at + length
    if (length <= SHORT_TEXT) for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i)
    else buffer.latin1Write(text, at, length)
  }

  #insert(slot: NameSlot, value: string): void {
    const size = slot.name.length + value.length + ENTRY_OVERHEAD
    if (size > this.#limit) {
      this.#evict(0)
      return
    }
    this.#evict(this.#limit - size)
    const sequence = this.#inserted++
    this.#slots[sequence & this.#mask] = slot
    this.#values[sequence & this.#mask] = value
    this.#count++
    this.#size += size
    slot.latest = sequence
    slot.latestValue = value
    slot.live.set(value, sequence)
  }

  #evict(limit: number): void {
    while (this.#size > limit) {
      const sequence = this.#inserted - this.#count
      const slot = this.#slots[sequence & this.#mask] as NameSlot
      const value = this.#values[sequence & this.#mask] as string
      this.#slots[sequence & this.#mask] = undefined
      this.#values[sequence & this.#mask] = ''
      this.#size -= slot.name.length + value.length + ENTRY_OVERHEAD
      this.#count--
      slot.live.delete(value)
      if (slot.latest === sequence) {
        slot.latest = -1
        slot.latestValue = ''
      }
    }
  }

  #addName(sent: string): NameSlot {
    // A string of its own: a slice of a head would keep all of it alive.
    const name = Buffer.from(sent, 'latin1').latin1Slice(0, sent.length)
    if (this.#names.size >= NAMES_KEPT)
      for (const [other, slot] of this.#names) if (slot.live.size === 0) this.#names.delete(other)
    const slot = new NameSlot(name)
    this.#names.set(name, slot)
    return slot
  }

  #learn(): void {
    this.#version = sensitiveVersion()
    for (const slot of this.#names.values())
      if (slot.policy === ADAPTIVE && isSensitive(slot.name)) slot.policy = NEVER
  }
}
