import './latin1.ts'
import { BAD_BYTES, isCleanValue, kindOfName, type FieldKind } from './field-kind.ts'
import { huffmanDecode } from './huffman.ts'
import { learnSensitive } from './sensitive-names.ts'
import { STATIC_COUNT, STATIC_NAMES, STATIC_VALUES } from './static-table.ts'

/** Takes the fields of a block, in order. */
export interface FieldSink {
  add(kind: FieldKind, name: string, value: string): void
}

const STATIC_KINDS = STATIC_NAMES.map((name) => kindOfName(name))
const ENTRY_OVERHEAD = 32

// Huffman text is at most 8/5 of its code; grown to the largest block that was seen, which is bounded.
let scratch = Buffer.allocUnsafeSlow(4096)

/**
 * HPACK decoder (RFC 7541) of one connection. Names and values are one byte a char. Strings of table
 * entries are made once and handed out again.
 */
export class HpackDecoder {
  /** What our SETTINGS_HEADER_TABLE_SIZE allows. */
  readonly #allowed: number
  #limit: number
  #size = 0
  // Ring of entries, newest at (#inserted - 1) & #mask.
  #names: string[] = []
  #values: string[] = []
  #kinds: FieldKind[] = []
  #mask = -1
  #inserted = 0
  #count = 0

  #block: Buffer = scratch
  #at = 0
  #to = 0
  // Whether the text that #string() read last may stand in a value.
  #stringIsClean = true

  constructor(tableBytes = 4096) {
    this.#allowed = tableBytes
    // What a peer's encoder starts from; more only by a size update (RFC 9113 section 6.5.2).
    this.#limit = Math.min(tableBytes, 4096)
  }

  /** Size of the dynamic table, by RFC 7541 section 4.1. */
  get tableBytes(): number {
    return this.#size
  }

  /**
   * Decodes a whole block (`from..to` of `block`) into `sink`. False: the block breaks RFC 7541 and the
   * connection must end with COMPRESSION_ERROR; the table is then undefined.
   */
  decode(block: Buffer, from: number, to: number, sink: FieldSink): boolean {
    this.#block = block
    this.#at = from
    this.#to = to
    let started = false
    while (this.#at < to) {
      const byte = block[this.#at] as number
      if (byte >= 0x80) {
        const index = byte < 0xff ? (this.#at++, byte & 0x7f) : this.#integer(0x7f)
        if (!this.#indexed(index, sink)) return false
      } else if (byte >= 0x40) {
        if (!this.#literal(this.#integer(0x3f), true, false, sink)) return false
      } else if (byte >= 0x20) {
        // A size update stands only at the start of a block (section 4.2).
        if (started) return false
        const size = this.#integer(0x1f)
        if (size < 0 || size > this.#allowed) return false
        this.#limit = size
        this.#evict(size)
        continue
      } else if (!this.#literal(this.#integer(0x0f), false, byte >= 0x10, sink)) return false
      started = true
    }
    return true
  }

  #indexed(index: number, sink: FieldSink): boolean {
    if (index <= STATIC_COUNT) {
      if (index <= 0) return false
      sink.add(
        STATIC_KINDS[index] as FieldKind,
        STATIC_NAMES[index] as string,
        STATIC_VALUES[index] as string,
      )
      return true
    }
    const back = index - STATIC_COUNT
    if (back > this.#count) return false
    const slot = (this.#inserted - back) & this.#mask
    sink.add(this.#kinds[slot] as FieldKind, this.#names[slot] as string, this.#values[slot] as string)
    return true
  }

  #literal(index: number, insert: boolean, never: boolean, sink: FieldSink): boolean {
    let name: string | undefined
    let kind: FieldKind
    if (index === 0) {
      name = this.#string()
      if (name === undefined) return false
      kind = kindOfName(name)
    } else if (index < 0) {
      return false
    } else if (index <= STATIC_COUNT) {
      name = STATIC_NAMES[index] as string
      kind = STATIC_KINDS[index] as FieldKind
    } else {
      const back = index - STATIC_COUNT
      if (back > this.#count) return false
      const slot = (this.#inserted - back) & this.#mask
      name = this.#names[slot] as string
      kind = this.#kinds[slot] as FieldKind
      // The entry's value may have been the bad part.
      if (kind === BAD_BYTES) kind = kindOfName(name)
    }
    const value = this.#string()
    if (value === undefined) return false
    if (!this.#stringIsClean) kind = BAD_BYTES
    if (insert) this.#insert(kind, name, value)
    else if (never && kind !== BAD_BYTES) learnSensitive(name)
    sink.add(kind, name, value)
    return true
  }

  /** Integer with a prefix of `mask` (section 5.1), or -1 where it is cut short or beyond 28 bits. */
  #integer(mask: number): number {
    let value = (this.#block[this.#at++] as number) & mask
    if (value < mask) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#to) return -1
      const byte = this.#block[this.#at++] as number
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return -1
  }

  #string(): string | undefined {
    if (this.#at >= this.#to) return undefined
    const huffman = (this.#block[this.#at] as number) >= 0x80
    const length = this.#integer(0x7f)
    const from = this.#at
    if (length < 0 || length > this.#to - from) return undefined
    const to = from + length
    this.#at = to
    if (!huffman) {
      this.#stringIsClean = isCleanValue(this.#block, from, to)
      return this.#block.latin1Slice(from, to)
    }
    if (length * 2 > scratch.length) scratch = Buffer.allocUnsafeSlow(length * 2)
    const count = huffmanDecode(this.#block, from, to, scratch)
    if (count < 0) return undefined
    this.#stringIsClean = isCleanValue(scratch, 0, count)
    return scratch.latin1Slice(0, count)
  }

  #insert(kind: FieldKind, name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD
    if (size > this.#limit) {
      // Section 4.4: not an error, it empties the table.
      this.#evict(0)
      return
    }
    this.#evict(this.#limit - size)
    if (this.#count > this.#mask) this.#grow()
    const slot = this.#inserted++ & this.#mask
    this.#names[slot] = name
    this.#values[slot] = value
    this.#kinds[slot] = kind
    this.#count++
    this.#size += size
  }

  #evict(limit: number): void {
    while (this.#size > limit) {
      const slot = (this.#inserted - this.#count) & this.#mask
      this.#size -=
        (this.#names[slot] as string).length + (this.#values[slot] as string).length + ENTRY_OVERHEAD
      this.#names[slot] = ''
      this.#values[slot] = ''
      this.#count--
    }
  }

  #grow(): void {
    const capacity = Math.max(16, (this.#mask + 1) * 2)
    const names: string[] = []
    const values: string[] = []
    const kinds: FieldKind[] = []
    for (let i = 0; i < capacity; i++) {
      const slot = (this.#inserted - this.#count + i) & this.#mask
      const live = i < this.#count
      names.push(live ? (this.#names[slot] as string) : '')
      values.push(live ? (this.#values[slot] as string) : '')
      kinds.push(live ? (this.#kinds[slot] as FieldKind) : 0)
    }
    this.#names = names
    this.#values = values
    this.#kinds = kinds
    this.#mask = capacity - 1
    this.#inserted = this.#count
  }
}
