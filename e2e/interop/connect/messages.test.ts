import { Reader, Writer } from 'protobufjs/minimal.js'
import t from 'tap'
import { framed, Messages, withNumber } from './messages.ts'

t.test('messages are found however they are cut', async (t) => {
  const sent = [Buffer.from('first'), Buffer.alloc(0), Buffer.alloc(300, 'x')]
  const bytes = Buffer.concat(sent.map(framed))
  for (const step of [1, 3, 7, bytes.length]) {
    const messages = new Messages()
    const got: Buffer[] = []
    for (let at = 0; at < bytes.length; at += step) got.push(...messages.add(bytes.subarray(at, at + step)))
    t.strictSame(got, sent)
  }
})

t.test('one number is another, the rest as it was', async (t) => {
  const message = Writer.create()
    .uint32(10)
    .string('127.0.0.1')
    .uint32(16)
    .uint32(7000)
    .uint32(26)
    .string('pem')
    .finish()
  const reader = Reader.create(withNumber(message, 2, 8000))
  const fields: Record<number, string | number> = {}
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    fields[tag >>> 3] = (tag & 7) === 0 ? reader.uint32() : reader.string()
  }
  t.strictSame(fields, { 1: '127.0.0.1', 2: 8000, 3: 'pem' })
})
