import t from 'tap'
import { ReplayBuffer } from './replay-buffer.ts'

t.test('what is kept takes little more memory than it has bytes, however small its pieces', async (t) => {
  for (const size of [1, 7, 255, 256, 300, 5000, 65_000]) {
    const body = new ReplayBuffer(false)
    const sent: Buffer[] = []
    for (let bytes = 0; bytes < 65_000; bytes += size) {
      const piece = Buffer.alloc(size, bytes % 251)
      body.add(piece)
      sent.push(Buffer.from(piece))
      // The memory of what came is used again.
      piece.fill(0)
    }
    t.ok(body.occupied <= 2 * body.bytes + 256, `${size}: ${body.occupied} for ${body.bytes}`)
    t.ok(body.chunks.length < 300)
    t.ok(Buffer.concat(body.chunks).equals(Buffer.concat(sent)))
  }
})

t.test('it is full above 64 KiB and empty once released', async (t) => {
  const body = new ReplayBuffer(false)
  body.add(Buffer.alloc(65_536))
  t.notOk(body.full)
  body.add(Buffer.alloc(1))
  t.ok(body.full)
  body.release()
  t.same([body.bytes, body.occupied, body.chunks.length, body.complete], [0, 0, 0, false])
})
