import fc from 'fast-check'
import t from 'tap'
import { HpackDecoder } from './decoder.ts'
import { BLOCK_OVERHEAD, FIELD_OVERHEAD, HpackEncoder } from './encoder.ts'
import { BAD_BYTES, REGULAR, UNKNOWN_PSEUDO } from './field-kind.ts'
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts'

type Field = [name: string, value: string]

function encode(encoder: HpackEncoder, fields: Field[]): Buffer {
  const text = fields.reduce((sum, [name, value]) => sum + name.length + value.length + FIELD_OVERHEAD, 0)
  const buffer = Buffer.alloc(text + BLOCK_OVERHEAD)
  encoder.begin(buffer, 0)
  for (const [name, value] of fields) encoder.field(name, value)
  return buffer.subarray(0, encoder.position)
}

function decode(decoder: HpackDecoder, bytes: Buffer): Field[] | undefined {
  const fields: Field[] = []
  const ok = decoder.decode(bytes, 0, bytes.length, {
    add: (_kind, name, value) => void fields.push([name, value]),
  })
  return ok ? fields : undefined
}

function kinds(hex: string): number[] | undefined {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const found: number[] = []
  const ok = new HpackDecoder().decode(bytes, 0, bytes.length, { add: (kind) => void found.push(kind) })
  return ok ? found : undefined
}

const NAMES = [
  ':path',
  ':authority',
  'accept',
  'content-length',
  'user-agent',
  'x-a',
  'x-b',
  'authorization',
  'cookie',
]
const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
})
const field: fc.Arbitrary<Field> = fc.tuple(
  fc.constantFrom(...NAMES),
  fc.oneof(fc.constantFrom('', 'GET', 'gzip, deflate', 'a value that comes back', 'z'.repeat(1500)), latin1),
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.array(field, { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 9000 }) },
)

t.test('what is encoded is decoded, across blocks and table sizes, and both tables stay equal', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, huffman) => {
      const encoder = new HpackEncoder({ tableBytes: 8192, huffman })
      const decoder = new HpackDecoder(9000)
      for (const step of steps) {
        if (typeof step === 'number') {
          encoder.setPeerLimit(step)
          continue
        }
        if (JSON.stringify(decode(decoder, encode(encoder, step))) !== JSON.stringify(step))
          throw new Error('fields differ')
        if (encoder.tableBytes !== decoder.tableBytes) throw new Error('tables differ')
      }
    }),
    { numRuns: 150 },
  )
})

t.test('any bytes are decoded or refused', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 20 }), (blocks) => {
      const decoder = new HpackDecoder()
      for (const block of blocks) if (decode(decoder, Buffer.from(block)) === undefined) return
    }),
    { numRuns: 3000 },
  )
})

t.test('Huffman text comes back; padding and EOS are checked', async (t) => {
  fc.assert(
    fc.property(latin1, (text) => {
      const coded = Buffer.alloc(huffmanLength(text))
      const target = Buffer.alloc(coded.length * 2)
      return (
        huffmanEncode(text, coded, 0) === coded.length &&
        target.latin1Slice(0, huffmanDecode(coded, 0, coded.length, target)) === text
      )
    }),
  )
  const target = Buffer.alloc(64)
  const length = (hex: string): number => huffmanDecode(Buffer.from(hex, 'hex'), 0, hex.length / 2, target)
  t.equal(length('1f'), 1, '"a" and three ones')
  t.equal(length('18'), -1, 'padded by zeros')
  t.equal(length('ff'), -1, 'eight bits of padding')
  t.equal(length('1fff'), -1, 'more than seven bits of padding')
  t.equal(length('ffffffff'), -1, 'EOS')
  t.equal(length('fffffffc'), -1, 'EOS in full')
  t.equal(length('f8'), 1, 'eight bits that are "&"')
})

t.test('malformed blocks are refused', async (t) => {
  const bad: Record<string, string> = {
    'index 0': '80',
    'an index beyond the table': 'c0',
    'a name beyond the table': '7f 00 01 61',
    'an integer without an end': 'ff ff ff ff ff ff ff ff ff 01',
    'an integer cut short': 'ff 80',
    'a text cut short': '40 05 61',
    'a text without a length': '40',
    'a text longer than the block': '40 7f ff ff ff 7f',
    'a size update after a field': '82 20',
    'a size update beyond our setting': '3f e2 1f',
    'Huffman with EOS': '40 84 ff ff ff ff 01 61',
  }
  for (const [what, hex] of Object.entries(bad)) t.equal(kinds(hex), undefined, what)
  t.strictSame(kinds('3f e1 1f 82')?.length, 1, 'a size update to the limit is fine')
})

t.test('a table larger than 4,096 bytes is used once the peer says so', async (t) => {
  const decoder = new HpackDecoder(9000)
  const add = (name: string, bytes: number): Buffer =>
    Buffer.concat([
      Buffer.from([0x40, 1, ...Buffer.from(name), 0x7f, ((bytes - 127) % 128) | 0x80, (bytes - 127) >> 7]),
      Buffer.alloc(bytes, 'v'),
    ])
  const take = (bytes: Buffer): unknown => decode(decoder, bytes)
  take(add('a', 1000))
  t.equal(decoder.tableBytes, 1033)
  take(add('b', 4500))
  t.equal(decoder.tableBytes, 0, 'what does not fit empties the table of both sides (RFC 7541 section 4.4)')
  take(Buffer.concat([Buffer.from([0x3f, 0xe1, 0x3f]), add('b', 4500)]))
  t.equal(decoder.tableBytes, 4533)
})

t.test('names and values that may not be are marked, also where a table repeats them', async (t) => {
  const literal = (name: string, value: string): string =>
    Buffer.from([
      0x40,
      name.length,
      ...Buffer.from(name, 'latin1'),
      value.length,
      ...Buffer.from(value, 'latin1'),
    ]).toString('hex')
  for (const [name, value] of [
    ['X-Upper', 'a'],
    ['', 'a'],
    ['sp ace', 'a'],
    ['x', 'a\r\nb'],
    ['x', 'a\0'],
    ['x', '\x7f'],
  ] as const)
    t.strictSame(kinds(`${literal(name, value)} be`), [BAD_BYTES, BAD_BYTES], JSON.stringify([name, value]))
  t.strictSame(kinds(literal(':who', 'a')), [UNKNOWN_PSEUDO])
  t.strictSame(kinds(literal('__proto__', 'a\tb')), [REGULAR])
  // A good value with the name of a bad entry.
  t.strictSame(kinds(`${literal('x-y', 'a\n')} 7e 01 62`), [BAD_BYTES, REGULAR])
})

t.test('what never repeats stays out of the table, what repeats enters it', async (t) => {
  // Not one of the names that random blocks may have marked "never indexed".
  const encoder = new HpackEncoder()
  for (let i = 0; i < 50; i++)
    encode(encoder, [
      ['x-request-id', `id-${i}`],
      ['x-probe', 'probe/1'],
    ])
  t.equal(encoder.tableBytes, 'x-probe'.length + 'probe/1'.length + 32)
  t.strictSame([...encode(encoder, [['x-probe', 'probe/1']])], [0x80 | 62])
})

t.test('secrets are never indexed, here and where a peer says so', async (t) => {
  const encoder = new HpackEncoder()
  const secrets: Field[] = [
    ['authorization', 'Bearer a'],
    ['cookie', 'short=1'],
  ]
  for (let i = 0; i < 3; i++) {
    const bytes = encode(encoder, secrets)
    t.equal((bytes[0] as number) & 0xf0, 0x10)
    t.equal(encoder.tableBytes, 0)
  }
  encode(encoder, [['x-key', '1']])
  const marked = Buffer.from('\x10\x05x-key\x012', 'latin1')
  new HpackDecoder().decode(marked, 0, marked.length, { add() {} })
  t.equal((encode(encoder, [['x-key', '1']])[0] as number) & 0xf0, 0x10)
})

t.test('connection-specific fields and host are left out', async (t) => {
  const encoder = new HpackEncoder()
  t.equal(
    encode(encoder, [
      ['connection', 'close'],
      ['host', 'a'],
      ['transfer-encoding', 'chunked'],
    ]).length,
    0,
  )
})

t.test('names of requests do not pile up', async (t) => {
  const encoder = new HpackEncoder()
  const decoder = new HpackDecoder()
  for (let i = 0; i < 5000; i++) {
    const fields: Field[] = [
      [`x-${i}`, '1'],
      ['x-same', '1'],
    ]
    if (JSON.stringify(decode(decoder, encode(encoder, fields))) !== JSON.stringify(fields))
      t.fail(`block ${i}`)
  }
})

t.test('a long name is a literal each time, and enters no table', async (t) => {
  const encoder = new HpackEncoder()
  const decoder = new HpackDecoder()
  const field: Field = [`x-${'n'.repeat(80)}`, 'the same']
  for (let i = 0; i < 3; i++) t.same(decode(decoder, encode(encoder, [field])), [field])
  t.same([encoder.tableBytes, decoder.tableBytes], [0, 0])
  const secret = `secret-${'n'.repeat(80)}`
  const never = Buffer.concat([Buffer.from([0x10, secret.length]), Buffer.from(secret), Buffer.from([0])])
  t.same(decode(decoder, never), [[secret, '']])
  t.equal(encode(encoder, [[secret, '']])[0], 0x10, 'marked by one peer, marked for the next')
})
