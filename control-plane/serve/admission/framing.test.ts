import { status } from '@grpc/grpc-js'
import fc from 'fast-check'
import t from 'tap'
import { Framing } from './framing.ts'
import { message } from './testing/messages.ts'

t.test('messages pass however they are cut, and what is unfinished is known', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(300), { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 400 })),
      (lengths, cuts) => {
        const framing = new Framing(300)
        const bytes = Buffer.concat(lengths.map((length) => message(Buffer.alloc(length, 1))))
        let at = 0
        for (const cut of cuts) {
          if (at >= bytes.length) break
          if (framing.take(bytes.subarray(at, at + cut))) return false
          at = Math.min(at + cut, bytes.length)
          let whole = 0
          for (const length of lengths) {
            if (whole + 5 + length > at) break
            whole += 5 + length
          }
          if (framing.partial !== at - whole) return false
        }
        return framing.partial === 0
      },
    ),
  )
})

t.test('what no honest caller sends', async (t) => {
  t.match(new Framing(10).take(message(Buffer.alloc(0), { flag: 1 })), { code: status.INTERNAL })
  t.match(new Framing(10).take(message(Buffer.alloc(0), { flag: 2 })), { code: status.INTERNAL })
  t.match(new Framing(10).take(message(Buffer.alloc(0), { length: 0xffff_ffff })), {
    code: status.RESOURCE_EXHAUSTED,
    details: 'a message of 4294967295 bytes; at most 10',
  })
  t.equal(new Framing(10).take(message(Buffer.alloc(0), { length: 10 })), undefined)
  const empty = message(Buffer.alloc(0))
  t.equal(new Framing(10).take(Buffer.concat(Array<Buffer>(256).fill(empty))), undefined)
  t.match(new Framing(10).take(Buffer.concat(Array<Buffer>(257).fill(empty))), {
    code: status.RESOURCE_EXHAUSTED,
    details: /more than 256 messages at once/,
  })
})

t.test('a message comes in few pieces, or in large ones', async (t) => {
  const takes = (framing: Framing, pieces: number, size: number): number => {
    for (let count = 1; count <= pieces; count++) if (framing.take(Buffer.alloc(size))) return count
    return pieces
  }
  const begun = () => {
    const framing = new Framing(2 << 20)
    framing.take(message(Buffer.alloc(0), { length: 2 << 20 }))
    return framing
  }
  t.equal(takes(begun(), 2000, 1), 258, 'bytes one by one')
  t.equal(takes(begun(), 8192, 256), 8192, 'two MiB in small frames')
  const framing = new Framing(100)
  for (let count = 0; count < 1000; count++) {
    const bytes = message(Buffer.alloc(100))
    if (framing.take(bytes.subarray(0, 50)) ?? framing.take(bytes.subarray(50)))
      t.fail(`message ${count} was refused`)
  }
})
