import * as fc from 'fast-check'
import t from 'tap'
import { ByteQueue } from './byte-queue.ts'
import { takeBuffer } from './output-pool.ts'

// Sizes around those of the pool's buffers and of what gets memory of its own.
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 64 }),
  fc.constantFrom(4095, 4096, 16_384, 16_385, 65_536, 70_000),
)

t.test('bytes come out as they went in, however they are taken', async () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({ push: sizes }),
          fc.record({ drop: sizes }),
          fc.record({ take: fc.constant(true) }),
          fc.record({ clear: fc.constant(true) }),
        ),
        { maxLength: 40 },
      ),
      (steps) => {
        const queue = new ByteQueue()
        let model = Buffer.alloc(0)
        let next = 0
        for (const step of steps) {
          if ('push' in step) {
            const bytes = Buffer.from(Array.from({ length: step.push }, () => next++ % 251))
            queue.push(bytes)
            model = Buffer.concat([model, bytes])
            // It kept a copy.
            bytes.fill(255)
          } else if ('drop' in step) {
            const first = queue.first(step.drop)
            if (first.length === 0) continue
            if (!first.equals(model.subarray(0, first.length))) return false
            queue.drop(first.length)
            model = model.subarray(first.length)
          } else if ('take' in step) {
            const piece = queue.take()
            if (!piece.equals(model.subarray(0, piece.length))) return false
            if (piece.length === 0 && model.length > 0) return false
            queue.giveBack()
            model = model.subarray(piece.length)
          } else {
            queue.clear()
            model = Buffer.alloc(0)
          }
          if (queue.length !== model.length) return false
        }
        return true
      },
    ),
    { numRuns: 300 },
  )
})

t.test('what was taken is nobody else’s until it is given back', async (t) => {
  const queue = new ByteQueue()
  queue.push(Buffer.alloc(16_384, 'a'))
  const piece = queue.take()
  queue.clear()
  takeBuffer(16_384).fill('b')
  t.equal(piece.toString('latin1', 0, 3), 'aaa')
  queue.giveBack()
  takeBuffer(16_384).fill('b')
  t.equal(piece.toString('latin1', 0, 3), 'bbb', 'and then it is')
})

t.test('a queue of single bytes takes no more than twice what it holds', async (t) => {
  const queue = new ByteQueue()
  for (let i = 0; i < 65_000; i++) queue.push(Buffer.from([i % 256]))
  t.ok(queue.occupied <= 2 * queue.length, String(queue.occupied))
  let at = 0
  for (let piece = queue.take(); piece.length > 0; piece = queue.take()) {
    for (const byte of piece) if (byte !== at++ % 256) return t.fail(`byte ${at}`)
    queue.giveBack()
  }
  t.equal(at, 65_000)
})
