import fc from 'fast-check'
import t from 'tap'
import { HistogramDataPoint, type KeyValue } from '../../../core/xds/generated/otlp.js'
import { LENGTH, VARINT, Writer } from '../../../core/xds/wire.ts'
import { readHistogramPoint } from './histogram-point.ts'
import { KnownAttributes } from './known-attributes.ts'

const said = (values: Readonly<Record<string, string>>): KeyValue[] =>
  Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }))

const attributesOf = (attributes: KeyValue[]): Uint8Array =>
  readHistogramPoint(HistogramDataPoint.encode({ attributes })).attributes

t.test('a point is read as it was written, whatever stands in it', async () => {
  const count = fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) })
  fc.assert(
    fc.property(
      fc.array(count, { maxLength: 30 }),
      fc.array(fc.double({ noNaN: true }), { maxLength: 30 }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string()), { maxLength: 5 }),
      (bucketCounts, explicitBounds, nanoseconds, texts) => {
        const attributes = texts.map(([key, stringValue]) => ({ key, value: { stringValue } }))
        const exemplars = [{ timeUnixNano: 1n, asDouble: 2, traceId: Buffer.alloc(16, 1) }]
        const times = { startTimeUnixNano: nanoseconds, timeUnixNano: nanoseconds / 2n }
        const point = { ...times, count: 7n, sum: 1.5, bucketCounts, explicitBounds, exemplars, attributes }
        const read = readHistogramPoint(HistogramDataPoint.encode(point))
        const again = HistogramDataPoint.decode(read.attributes)
        return (
          read.startTime === nanoseconds &&
          read.time === nanoseconds / 2n &&
          read.counts.every((one, i) => BigInt(one) === bucketCounts[i]) &&
          read.counts.length === bucketCounts.length &&
          read.bounds.every((one, i) => Object.is(one, explicitBounds[i])) &&
          read.bounds.length === explicitBounds.length &&
          JSON.stringify(again.attributes ?? []) === JSON.stringify(attributes)
        )
      },
    ),
  )
})

t.test('attributes between other fields, and numbers that are not packed, are the same', async (t) => {
  const writer = new Writer()
  // From the end to the front, as the writer does.
  const attribute = (key: string): void => {
    const [{ key: name = '', value = {} } = {}] = said({ [key]: 'x' })
    const bytes = HistogramDataPoint.encode({ attributes: [{ key: name, value }] })
    writer.raw(bytes)
  }
  attribute('weft.route')
  writer.fixed64(5n)
  writer.tag(6, 1)
  attribute('weft.backend')
  writer.fixed64(4n)
  writer.tag(6, 1)
  writer.double(0.5)
  writer.tag(7, 1)
  writer.uint32(3)
  writer.tag(10, VARINT)
  const point = readHistogramPoint(writer.finish())
  t.strictSame([point.counts, point.bounds], [[4, 5], [0.5]])
  const told = new KnownAttributes().read('client', point.attributes)
  t.match(told, { route: 'x', cluster: 'x' })
})

t.test('what is cut off is malformed', async (t) => {
  const whole = HistogramDataPoint.encode({ bucketCounts: [1n, 2n], attributes: said({ a: 'b' }) })
  t.throws(() => readHistogramPoint(whole.subarray(0, -1)), { code: 'protobuf.malformed' })
  const odd = new Writer()
  odd.bytes(Buffer.alloc(9))
  odd.tag(6, LENGTH)
  t.throws(() => readHistogramPoint(odd.finish()), { code: 'protobuf.malformed' })
})

t.test('the same attributes are one, in whatever bytes, and what is remembered is bounded', async (t) => {
  const known = new KnownAttributes(4000)
  const first = known.read('client', attributesOf(said({ 'weft.route': 'r', 'weft.backend': 'b' })))
  t.equal(known.read('client', attributesOf(said({ 'weft.route': 'r', 'weft.backend': 'b' }))), first)
  const more = said({ 'weft.route': 'r', 'weft.backend': 'b', 'no.attribute': 'of ours' })
  t.equal(known.read('client', attributesOf(more)).key, first.key)
  const others = [
    known.read('server', attributesOf(said({ 'weft.route': 'r', 'weft.backend': 'b' }))),
    known.read('client', attributesOf(said({ 'weft.route': 'rb', 'weft.backend': '' }))),
    known.read('client', attributesOf([])),
  ]
  t.equal(new Set([first, ...others].map(({ key }) => key)).size, 4)
  for (let number = 0; number < 1000; number++)
    known.read('client', attributesOf(said({ 'weft.route': `${number}` })))
  t.ok(known.bytes <= 4000, `${known.bytes} bytes`)
  t.equal(known.read('client', attributesOf(said({ 'weft.route': 'r', 'weft.backend': 'b' }))).key, first.key)
})
