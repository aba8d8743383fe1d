/**
 * Huffman code of HPACK (RFC 7541 section 5.2, appendix B). The code is canonical: the lengths of its
 * codes, in order of symbol, say everything else.
 */

// One character a symbol, its code's length in base 36; the 257th symbol, EOS, has 30 bits.
const LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6' +
  'f56565666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq'
const EOS = 256

const codes = new Uint32Array(EOS + 1)
const lengths = new Uint8Array(EOS + 1)

// Decoding goes by 8 bits a step through tables of 256 entries: 0 is no code, above 0 a leaf
// (bits used in this table << 9 | symbol), below 0 the next table (minus its number).
const tables: Int16Array[] = [new Int16Array(256)]

function build(): void {
  for (let symbol = 0; symbol < EOS; symbol++)
    lengths[symbol] = Number.parseInt(LENGTHS[symbol] as string, 36)
  lengths[EOS] = 30
  let code = 0
  for (let length = 1; length <= 30; length++, code *= 2)
    for (let symbol = 0; symbol <= EOS; symbol++)
      if (lengths[symbol] === length) place(symbol, code++, length)
}

function place(symbol: number, code: number, length: number): void {
  codes[symbol] = code
  let table = tables[0] as Int16Array
  let left = length
  while (left > 8) {
    left -= 8
    const slot = (code >>> left) & 255
    if (table[slot] === 0) table[slot] = -(tables.push(new Int16Array(256)) - 1)
    table = tables[-(table[slot] as number)] as Int16Array
  }
  const first = (code << (8 - left)) & 255
  table.fill((left << 9) | symbol, first, first + (1 << (8 - left)))
}

build()

const root = tables[0] as Int16Array

/**
 * Decodes `from..to` of `source` into `target` from 0 on and returns the count of bytes, or -1 where
 * the text holds EOS or is padded by anything but at most 7 one bits. `target` needs room for
 * `(to - from) * 8 / 5` bytes.
 */
export function huffmanDecode(source: Uint8Array, from: number, to: number, target: Uint8Array): number {
  let out = 0
  let bits = 0
  let count = 0
  let table = root
  for (let at = from; at < to; at++) {
    bits = ((bits << 8) | (source[at] as number)) & 0xffff
    count += 8
    while (count >= 8) {
      const entry = table[(bits >>> (count - 8)) & 255] as number
      if (entry > 0) {
        const symbol = entry & 511
        if (symbol === EOS) return -1
        target[out++] = symbol
        count -= entry >> 9
        table = root
      } else if (entry < 0) {
        table = tables[-entry] as Int16Array
        count -= 8
      } else return -1
    }
  }
  // What is left may still hold a code that is shorter than 8 bits (in its last table).
  while (count > 0) {
    const entry = table[(bits << (8 - count)) & 255] as number
    const used = entry >> 9
    if (entry <= 0 || used > count) break
    const symbol = entry & 511
    if (symbol === EOS) return -1
    target[out++] = symbol
    count -= used
    table = root
  }
  const padding = (1 << count) - 1
  return table === root && (bits & padding) === padding ? out : -1
}

/** Bytes that `text` (one byte a char) takes when coded. */
export function huffmanLength(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 255] as number
  return (bits + 7) >> 3
}

/** Writes `text` coded to `target` at `at` and returns the position after it. */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  let bits = 0
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 255
    let left = lengths[symbol] as number
    const code = codes[symbol] as number
    while (left > 0) {
      const take = Math.min(left, 8 - count)
      left -= take
      bits = (bits << take) | ((code >>> left) & ((1 << take) - 1))
      count += take
      if (count === 8) {
        target[at++] = bits
        bits = 0
        count = 0
      }
    }
  }
  if (count > 0) target[at++] = (bits << (8 - count)) | (255 >> count)
  return at
}
